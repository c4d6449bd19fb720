"""Texts inside charts, each in English and Simplified Chinese."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    # axes and tooltips that several charts have
    "chart.cosine": ("cosine (−1 to 1)", "余弦（−1 到 1）"),
    "chart.probability": ("probability (0 to 1)", "概率（0 到 1）"),
    "chart.recall": ("recall (0 to 1)", "召回率（0 到 1）"),
    "chart.precision": ("precision (0 to 1)", "精确率（0 到 1）"),
    "chart.false_positive_rate": ("false positive rate (0 to 1)", "误报率（0 到 1）"),
    "chart.weight": ("attention weight (0 to 1)", "注意力权重（0 到 1）"),
    "chart.share": ("share", "比例"),
    "chart.at.cosine": ("cosine {n}", "余弦 {n}"),
    "chart.at.probability": ("probability {n}", "概率 {n}"),
    "chart.tip.from": ("From", "下限"),
    "chart.tip.to": ("To", "上限"),
    "chart.tip.pairs": ("Pairs", "样本数"),
    "chart.tip.token": ("Token", "词"),
    "chart.tip.state": ("State", "状态"),
    "chart.tip.weight": ("Attention weight", "注意力权重"),
    "chart.tip.percentile": ("Percentile of random pairs", "在随机查询-文档对中的百分位"),
    "chart.tip.cosine from": ("Cosine from", "余弦下限"),
    "chart.tip.threshold.cosine": ("Threshold on cosine", "余弦阈值"),
    # a query's documents
    "chart.scores": ("Cosine and probability of each document", "每篇文档的余弦与概率"),
    "chart.scores.reads": (
        "Numbered points: the documents. Dashed: the threshold.",
        "带编号的点：文档。虚线：阈值。",
    ),
    "chart.scores.random": (
        "Grey bars below: cosines of random pairs.",
        "下方灰色条形：随机查询-文档对的余弦。",
    ),
    "chart.scores.random.from": ("Random pairs from cosine", "随机查询-文档对的余弦下限"),
    "chart.scores.random.share": ("Share of them", "所占比例"),
    "chart.scores.cut": (
        "The best {shown:,} of {number:,} documents.",
        "仅显示排在最前的 {shown:,} 篇，共 {number:,} 篇文档。",
    ),
    "chart.scores.best": (
        "Document {best} has the highest cosine, {cosine:.3f}, and probability {probability}.",
        "文档 {best} 的余弦最高，为 {cosine:.3f}，概率为 {probability}。",
    ),
    "chart.scores.shared": (
        "Document {best} has the highest cosine, {cosine:.3f} (shared by {alike} more), and "
        "probability {probability}.",
        "文档 {best} 的余弦最高，为 {cosine:.3f}（另有 {alike} 篇相同），概率为 {probability}。",
    ),
    "chart.scores.above": (
        "{above} of {number} documents reach the threshold of {at:.2f}.",
        "{number} 篇文档中有 {above} 篇达到阈值 {at:.2f}。",
    ),
    "chart.scores.unread": ("{number} without a score.", "{number} 篇没有分数。"),
    "chart.bars": ("Documents by rank", "按名次排列的文档"),
    "chart.bars.reads": ("Upright strokes: the threshold.", "竖线：阈值。"),
    "chart.bars.rows": ("document, by rank", "文档，按名次"),
    # attention
    "chart.attention": ("Attention weights", "注意力权重"),
    "chart.attention.strong": ("Stronger colour: more weight.", "颜色越深，权重越大。"),
    "chart.attention.marks": (
        "Dashed ~: read by its letters only. Grey ×: not read.",
        "虚线框 ~：仅按字母读取。灰色 ×：未读取。",
    ),
    "chart.attention.cut": ("The first {most:,} tokens.", "只显示前 {most:,} 个词。"),
    "chart.attention.order": ("token, in reading order", "词，按阅读顺序"),
    "chart.attention.most": (
        "In {name} most weight is on {words}.",
        "{name}中权重最大的是：{words}。",
    ),
    "chart.attention.zero": ("In {name} there is no weight.", "{name}中没有权重。"),
    "chart.attention.more": ("And {number} more texts.", "另有 {number} 段文字。"),
    "chart.attention.none": ("There are no attention weights.", "没有注意力权重。"),
    # effects
    "chart.effects.reads": (
        "Left out in turn: what the cosine loses.",
        "依次去掉每个词，看余弦损失多少。",
    ),
    "chart.effects.cosine": (
        "effect on the cosine (could be −2 to 2)",
        "对余弦的作用（可为 −2 到 2）",
    ),
    "chart.effects.up": ("holds it up", "使余弦升高"),
    "chart.effects.down": ("holds it down", "使余弦降低"),
    "chart.effects.tip.cosine": ("Effect on the cosine", "对余弦的作用"),
    "chart.effects.tip.probability": ("Effect on the probability", "对概率的作用"),
    "chart.effects.told": (
        "The largest effects on the cosine: {told}.",
        "对余弦作用最大的词：{told}。",
    ),
    "chart.effects.none": ("No token has an effect.", "没有起作用的词。"),
    # two models
    "chart.slope": ("Ranks by the two models", "两个模型给出的名次"),
    "chart.slope.reads": (
        "A level line: both rank the document alike.",
        "水平线：两个模型给出的名次相同。",
    ),
    "chart.slope.rank": ("rank (1 is best)", "名次（1 为最佳）"),
    "chart.slope.moved": ("moved", "名次有变"),
    "chart.slope.same": ("same rank", "名次相同"),
    "chart.slope.told": (
        "The largest change of rank between the two models is {most}.",
        "两个模型之间最大的名次变动为 {most}。",
    ),
    "chart.slope.none": (
        "No document has a rank by both models.",
        "没有文档在两个模型中都有名次。",
    ),
    # labelled pairs
    "chart.distribution": ("Cosine of relevant and other pairs", "相关与不相关样本的余弦"),
    "chart.distribution.reads": (
        "The less the shapes overlap, the better. Dashed: the threshold.",
        "两个形状重叠越少越好。虚线：阈值。",
    ),
    "chart.distribution.share": ("share of the label's pairs", "占同标注样本的比例"),
    "chart.distribution.tip.share": ("Share of its label", "占同标注样本的比例"),
    "chart.distribution.told": (
        "Above cosine {cosine:.3f}, probability {probability}, lie about {told}.",
        "约有 {told}，余弦高于 {cosine:.3f}（概率 {probability}）。",
    ),
    "chart.distribution.of.relevant": (
        "{share:.0%} of the relevant pairs",
        "{share:.0%} 的相关样本",
    ),
    "chart.distribution.of.not relevant": (
        "{share:.0%} of the not relevant pairs",
        "{share:.0%} 的不相关样本",
    ),
    "chart.distribution.none": ("No pair has a score.", "没有样本有分数。"),
    "chart.curve.reads": (
        "Click to set the threshold. Diamond: the current one.",
        "点击可设定阈值。菱形：当前阈值。",
    ),
    "chart.precision recall": ("Precision and recall", "精确率与召回率"),
    "chart.precision recall.ground": (
        "Grey: calling every pair relevant.",
        "灰色：把所有样本都判为相关。",
    ),
    "chart.precision recall.told": (
        "At cosine {cosine:.3f}, probability {probability}, precision is {precision:.3f} and "
        "recall {recall:.3f}.",
        "余弦为 {cosine:.3f}（概率 {probability}）时，精确率为 {precision:.3f}，召回率为 {recall:.3f}。",
    ),
    "chart.roc": ("ROC curve, area {area:.3f}", "ROC 曲线，面积 {area:.3f}"),
    "chart.roc.ground": ("Grey: a model that knows nothing.", "灰色：毫无判别力的模型。"),
    "chart.roc.told": (
        "The area under the ROC curve is {area:.3f}; at cosine {cosine:.3f} recall is "
        "{recall:.3f} at a false positive rate of {rate:.3f}.",
        "ROC 曲线下面积为 {area:.3f}；余弦为 {cosine:.3f} 时，召回率为 {recall:.3f}，误报率为 {rate:.3f}。",
    ),
    "chart.reliability": ("Calibration, error {error:.3f}", "校准，误差 {error:.3f}"),
    "chart.reliability.reads": (
        "On the grey line a probability means what it says.",
        "落在灰线上，概率名副其实。",
    ),
    "chart.reliability.points": (
        "Larger points: more pairs. Below: too sure.",
        "点越大，样本越多。线下方：过于自信。",
    ),
    "chart.reliability.mean": (
        "mean probability of the bin (0 to 1)",
        "区间内的平均概率（0 到 1）",
    ),
    "chart.reliability.share": ("share that is relevant (0 to 1)", "相关样本的比例（0 到 1）"),
    "chart.reliability.tip.from": ("Probability from", "概率下限"),
    "chart.reliability.tip.mean": ("Mean", "平均"),
    "chart.reliability.tip.share": ("Share relevant", "相关的比例"),
    "chart.reliability.told": (
        "The expected calibration error is {error:.3f} over {number:,} pairs.",
        "{number:,} 个样本的期望校准误差为 {error:.3f}。",
    ),
    "chart.slices": ("Wrong pairs by slice, worst first", "各切片判错的样本，最差的在前"),
    "chart.slices.reads": (
        "Click a row to see its errors only. Dashed: all pairs.",
        "点击一行可只看它的错误。虚线：全部样本。",
    ),
    "chart.slices.few": ("Hollow: under ten pairs.", "空心：不足十个样本。"),
    "chart.slices.cut": ("The worst {shown} of {number}.", "最差的 {shown} 个，共 {number} 个。"),
    "chart.slices.row": (
        "{name} · {errors:,} of {pairs:,} wrong",
        "{name} · {pairs:,} 个中判错 {errors:,} 个",
    ),
    "chart.slices.share": (
        "share of pairs that are wrong (0 to 1), 95 % interval",
        "判错样本的比例（0 到 1），95 % 区间",
    ),
    "chart.slices.tip.slice": ("Slice", "切片"),
    "chart.slices.tip.share": ("Share wrong", "判错的比例"),
    "chart.slices.tip.auc": ("Area under ROC", "ROC 曲线下面积"),
    "chart.slices.told": (
        "Of {number} slices the worst is {worst}.",
        "共 {number} 个切片，最差的是：{worst}。",
    ),
    "chart.slices.none": ("There are no slices.", "没有切片。"),
    # the map
    "chart.map": ("Map of the vectors", "向量图"),
    "chart.map.reads": (
        "Near each other: alike, as far as two directions show it.",
        "点越近越相似（仅限两个方向所能体现的部分）。",
    ),
    "chart.map.filled": ("Filled: documents. Hollow: queries.", "实心：文档。空心：查询。"),
    "chart.map.cut": (
        "{shown:,} of {number:,} vectors, drawn by chance.",
        "随机抽取的 {shown:,} 个向量，共 {number:,} 个。",
    ),
    "chart.map.x": (
        "first direction, {share:.0%} of the variance ({ends})",
        "第一方向，占方差的 {share:.0%}（{ends}）",
    ),
    "chart.map.y": (
        "second direction, {share:.0%} of the variance ({ends})",
        "第二方向，占方差的 {share:.0%}（{ends}）",
    ),
    "chart.map.no points": ("no points", "没有点"),
    "chart.map.tip.kind": ("Kind", "类别"),
    "chart.map.tip.text": ("Text", "文字"),
    "chart.map.tip.pairs": ("Pairs with it", "含有它的样本数"),
    "chart.map.this.query": ("this query", "此查询"),
    "chart.map.this.document": ("this document", "此文档"),
    "chart.map.told": (
        "{shown:,} of {number:,} vectors of queries and documents; two directions show {share:.0%} "
        "of what sets them apart. By colour: {told}.",
        "查询与文档的 {number:,} 个向量中的 {shown:,} 个；两个方向展示了差异的 {share:.0%}。按颜色：{told}。",
    ),
    "chart.map.count": ("{number:,} {value}", "{value} {number:,} 个"),
    "chart.map.none": ("There are no vectors to show.", "没有可显示的向量。"),
    # the Lab
    "chart.history.epoch": ("epoch (from 1)", "轮次（从 1 起）"),
    "chart.history.tip.run": ("Run", "训练"),
    "chart.history.tip.epoch": ("Epoch", "轮次"),
    "chart.history.told": ("{title} at the last epoch: {last}.", "最后一轮的{title}：{last}。"),
    "chart.history.none": ("{title}: no epoch yet.", "{title}：尚无轮次。"),
    "chart.vectors": ("The two vectors", "两个向量"),
    "chart.vectors.reads": (
        "Only the angle between them matters to the cosine.",
        "余弦只取决于两者的夹角。",
    ),
    "chart.vectors.first": (
        "first entry ÷ longer length (−1 to 1)",
        "第一个分量 ÷ 较长者的长度（−1 到 1）",
    ),
    "chart.vectors.second": (
        "second entry ÷ longer length (−1 to 1)",
        "第二个分量 ÷ 较长者的长度（−1 到 1）",
    ),
    "chart.vectors.tip.vector": ("Vector", "向量"),
    "chart.vectors.tip.entries": ("Entries", "分量"),
    "chart.vectors.told": (
        "Query {query} and document {document}.",
        "查询 {query}，文档 {document}。",
    ),
}
