"""Texts of the page Inspect, each in English and Simplified Chinese."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "inspect.title": ("Where is the model wrong, and why?", "模型在哪里出错，为什么？"),
    "inspect.intro": (
        "Labelled pairs, scored: move the threshold, find the worst slice, read the worst errors, "
        "judge them.",
        "对带标注的样本打分：移动阈值，找到最差的切片，查看最严重的错误，并作出判断。",
    ),
    "inspect.waiting": (
        "Live model loading: the pairs will be scored as soon as it is ready…",
        "模型正在加载：就绪后会立即为样本打分……",
    ),
    # loading
    "inspect.own": ("Load your own pairs", "载入自己的样本"),
    "inspect.upload": ("A file of pairs", "样本文件"),
    "inspect.upload.about": (
        "CSV, TSV or JSONL in UTF-8, plain or gzipped: a query, a document and a label in each "
        "row, under whatever names. Further columns become slices.",
        "UTF-8 编码的 CSV、TSV 或 JSONL，可用 gzip 压缩：每行一个查询、一篇文档和一个标注，列名不限。其他列会成为切片。",
    ),
    "inspect.back": ("Back to the model's own pairs", "回到模型自带的样本"),
    "inspect.no pairs": (
        "The model folder {name} brings no pairs",
        "模型文件夹 {name} 没有自带样本",
    ),
    "inspect.no pairs.hint": ("Load your own.", "请载入自己的样本。"),
    "inspect.source": (
        "{name}: {number:,} pairs, {relevant:,} of them labelled relevant.",
        "{name}：{number:,} 个样本，其中 {relevant:,} 个标为相关。",
    ),
    "inspect.source.relevant": (
        "{name}: {number:,} pairs, all of them labelled relevant.",
        "{name}：{number:,} 个样本，全部标为相关。",
    ),
    "inspect.source.assumed": (
        "So that there is something to tell them from, {each} documents of other queries, drawn "
        "at random, are assumed not relevant to each query: {number:,} pairs that nobody judged.",
        "为了有所对照，为每个查询从其他查询的文档中随机抽取 {each} 篇，假定为不相关：共 {number:,} 个无人判断过的样本。",
    ),
    "inspect.assumed": ("Assumed not relevant, per query", "每个查询假定不相关的篇数"),
    "inspect.role.query": ("Column of the queries", "查询所在列"),
    "inspect.role.document": ("Column of the documents", "文档所在列"),
    "inspect.role.label": ("Column of the labels", "标注所在列"),
    "inspect.role.label.none": ("none: all are relevant", "无：全部相关"),
    "inspect.role.yes": ("Label that means relevant", "表示相关的标注"),
    "inspect.role.no": ("Label that means not relevant", "表示不相关的标注"),
    "inspect.doubt.ids": (
        "Most of these look like ids, not like texts. The model reads texts: join them in first.",
        "其中大多像编号而非文字。模型读的是文字：请先把文字合并进来。",
    ),
    "inspect.doubt.one label": (
        "All pairs have the same label, so there is nothing to tell apart.",
        "所有样本的标注都相同，因此无从区分。",
    ),
    "inspect.doubt.same text": (
        "Most queries are equal to their documents: is one column chosen twice?",
        "大多数查询与其文档相同：是否同一内容选了两次？",
    ),
    "inspect.doubt.contradiction": (
        "Some pairs are labelled both ways, so one of their labels is wrong.",
        "有些样本同时带有两种标注，其中之一必错。",
    ),
    "inspect.starting": ("Scoring the pairs…", "正在为样本打分……"),
    "inspect.scoring": (
        "Scoring the pairs: {done:,} of {total:,} texts read",
        "正在为样本打分：已读 {done:,} / {total:,} 段文字",
    ),
    "inspect.stopped": ("Scoring was stopped.", "打分已停止。"),
    "inspect.go on": ("Go on", "继续"),
    # overview
    "inspect.finding": (
        "At this threshold the model is wrong about {wrong:,} of {number:,} pairs ({share:.1%}): "
        "precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}.",
        "在此阈值下，模型在 {number:,} 个样本中判错 {wrong:,} 个（{share:.1%}）：精确率 {precision:.3f}，召回率 {recall:.3f}，F1 {f1:.3f}。",
    ),
    "kind.true positive": ("Found", "找到"),
    "kind.true positive.about": (
        "Relevant, and at or above the threshold (true positives).",
        "相关，且达到阈值（真正例）。",
    ),
    "kind.false negative": ("Missed", "漏报"),
    "kind.false negative.about": (
        "Relevant, but below the threshold (false negatives).",
        "相关，但低于阈值（假负例）。",
    ),
    "kind.false positive": ("False alarm", "误报"),
    "kind.false positive.about": (
        "Not relevant, but at or above the threshold (false positives).",
        "不相关，但达到阈值（假正例）。",
    ),
    "kind.true negative": ("Rejected", "排除"),
    "kind.true negative.about": (
        "Not relevant, and below the threshold (true negatives).",
        "不相关，且低于阈值（真负例）。",
    ),
    "inspect.unread": ("Without a score", "没有分数"),
    "inspect.unread.about": (
        "Nothing in them that the model reads; counted as below the threshold.",
        "其中没有模型能读的内容；按低于阈值计。",
    ),
    "inspect.probability": ("Threshold as a probability", "以概率表示的阈值"),
    "inspect.probability.help": (
        "From here on a pair counts as relevant. It is one threshold: the cosine beside it and a "
        "click on a curve move it, too.",
        "达到此值的样本视为相关。阈值只有一个：旁边的余弦以及点击曲线也会移动它。",
    ),
    "inspect.cosine": ("… as a cosine", "……以余弦表示"),
    "inspect.best": ("Best F1", "最佳 F1"),
    "inspect.best.help": (
        "The threshold with the highest F1 on these pairs.",
        "在这些样本上 F1 最高的阈值。",
    ),
    "inspect.cost": ("Cost of a false alarm, in misses", "一次误报相当于几次漏报"),
    "inspect.least": ("Least cost", "最低代价"),
    "inspect.least.help": (
        "The threshold where false alarms, at that price, and missed pairs cost least together.",
        "按此代价，误报与漏报合计最低的阈值。",
    ),
    "inspect.one label": (
        "Precision, ROC and calibration need pairs of both labels.",
        "精确率、ROC 和校准需要两种标注的样本。",
    ),
    "inspect.ranking": ("Ranking within each query", "每个查询内的排序"),
    "inspect.ranking.about": (
        "Over the queries that have a relevant and a not relevant document in these pairs, each "
        "ranked among its own documents only; ties count against the model.",
        "只计在这些样本中既有相关又有不相关文档的查询，各自只在自己的文档中排序；分数相同按对模型不利计。",
    ),
    "inspect.interval": ("{low:.3f} to {high:.3f} (95 %).", "{low:.3f} 至 {high:.3f}（95 %）。"),
    "inspect.mrr": (
        "One over the rank of the first relevant document.",
        "首篇相关文档名次的倒数。",
    ),
    "inspect.recall": (
        "Share of the relevant documents that come first.",
        "排在首位的相关文档所占比例。",
    ),
    "inspect.ndcg": (
        "Gain of the first ten, the higher up the more.",
        "前十名的增益，越靠前越多。",
    ),
    # slices
    "inspect.slices": ("Slices", "切片"),
    "inspect.slices.about": (
        "Which kinds of pairs go wrong more often than others? Choose one to see its errors only.",
        "哪类样本更常出错？选择其一即可只看它的错误。",
    ),
    "inspect.slices.none": (
        "These pairs have no column that tells some of them apart.",
        "这些样本没有可用来区分的列。",
    ),
    "inspect.slice": ("Slice by", "切片依据"),
    "inspect.slice.name": ("Errors of", "只看此切片的错误"),
    "inspect.slice.all": ("all pairs", "全部样本"),
    "inspect.filter": (
        "Only {column} = {name}: {n:,} errors.",
        "仅限 {column} = {name}：{n:,} 个错误。",
    ),
    "inspect.filter.off": ("Show all pairs", "显示全部样本"),
    "trait.word overlap": ("word overlap", "词语重合"),
    "trait.query words": ("query words", "查询词数"),
    "trait.document words": ("document words", "文档词数"),
    "trait.unknown words": ("unknown words", "未见过的词"),
    "trait.truncated words": ("truncated words", "被截断的词"),
    "trait.script": ("script", "文字系统"),
    "trait.assumed": ("assumed", "假定不相关"),
    "assumed.yes": ("yes", "是"),
    "assumed.no": ("no", "否"),
    "script.none": ("none", "无"),
    "script.Latin": ("Latin", "拉丁文"),
    "script.Han": ("Han", "汉字"),
    "script.Hiragana": ("Hiragana", "平假名"),
    "script.Katakana": ("Katakana", "片假名"),
    "script.Hangul": ("Hangul", "谚文"),
    "script.Cyrillic": ("Cyrillic", "西里尔文"),
    "script.Greek": ("Greek", "希腊文"),
    "script.Arabic": ("Arabic", "阿拉伯文"),
    "script.Hebrew": ("Hebrew", "希伯来文"),
    "script.Thai": ("Thai", "泰文"),
    "script.Devanagari": ("Devanagari", "天城文"),
    "slice.under": ("under {n}", "小于 {n}"),
    "slice.over": ("{n} and over", "{n} 及以上"),
    "slice.empty": ("(empty)", "（空）"),
    # errors
    "inspect.errors": ("Errors, worst first", "错误，最严重的在前"),
    "inspect.errors.none": ("No error passes these filters.", "没有符合筛选条件的错误。"),
    "inspect.search": ("Search in query and document", "在查询和文档中搜索"),
    "inspect.kind": ("Kind of error", "错误类型"),
    "inspect.causes": ("Causes of the worst {number:,}", "最严重的 {number:,} 个错误的原因"),
    "inspect.causes.help": (
        "Rules look at the words of both texts; where they suspect words, these are left out and "
        "the pair is scored anew. Choose a cause to see its errors only.",
        "规则查看两段文字的词语；怀疑某些词时，会去掉它们重新打分。选择一个原因即可只看它的错误。",
    ),
    "inspect.column.error": ("Error", "错误"),
    "inspect.column.cause": ("Cause", "原因"),
    "inspect.column.by": ("Off by", "偏离"),
    "inspect.column.by.help": (
        "How far the cosine is from the threshold.",
        "余弦与阈值的距离。",
    ),
    "inspect.column.evidence": ("Evidence", "依据"),
    "inspect.table.alt": (
        "The wrong pairs, worst first, with cause and evidence; a row chooses the pair below",
        "判错的样本，最严重的在前，附原因和依据；选择一行即可在下方查看该样本",
    ),
    "inspect.table.cut": (
        "The worst {most:,} of {number:,}; search and filters look at all.",
        "最严重的 {most:,} 个，共 {number:,} 个；搜索和筛选针对全部。",
    ),
    "inspect.more": (
        "Find the causes of {number:,} more ({rest:,} are open)",
        "再找 {number:,} 个错误的原因（还有 {rest:,} 个）",
    ),
    "inspect.finding causes": (
        "Finding the causes of {number:,} errors…",
        "正在查找 {number:,} 个错误的原因……",
    ),
    "inspect.second": ("A second model", "第二个模型"),
    "inspect.pair": ("The chosen pair", "所选样本"),
    "inspect.report": ("The report", "报告"),
    "inspect.report.note": (
        "All of this as one HTML file that needs no network: charts, slices, the 50 worst errors "
        "with their causes, and your verdicts. Building it takes some seconds.",
        "以上全部内容存为一个无需联网的 HTML 文件：图表、切片、最严重的 50 个错误及其原因，"
        "以及您的判断。生成需要几秒钟。",
    ),
    "inspect.report.take": ("Report as HTML", "报告（HTML）"),
    "inspect.report.data": ("{number:,} pairs of the page Inspect", "“检查”页的 {number:,} 个样本"),
    "inspect.report.assumed": (
        "{number:,} pairs were drawn at random and are assumed not relevant: nobody judged them.",
        "其中 {number:,} 个样本是随机抽取并假定为不相关的：没有人判断过。",
    ),
}
