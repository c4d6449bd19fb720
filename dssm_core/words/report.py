"""Texts of the report of an inspection, each in English and Simplified Chinese."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "report.title": ("Inspection of {model}", "{model} 的检查"),
    "report.lead": (
        "At the threshold {wrong:,} of {pairs:,} pairs are wrong: {missed:,} relevant ones below "
        "it and {false:,} others at or above it.",
        "在此阈值下，{pairs:,} 个样本中判错 {wrong:,} 个：{missed:,} 个相关的低于阈值，{false:,} 个不相关的达到阈值。",
    ),
    # the head
    "report.data": ("Data", "数据"),
    "report.pairs": (
        "{number:,}: {relevant:,} relevant, {other:,} not; {queries:,} queries, {documents:,} "
        "documents",
        "{number:,} 个：{relevant:,} 个相关，{other:,} 个不相关；{queries:,} 个查询，{documents:,} 篇文档",
    ),
    "report.fingerprint": ("Fingerprint", "指纹"),
    "report.date": ("Date", "日期"),
    "report.threshold": ("Threshold", "阈值"),
    "report.best": ("Best F1 at", "F1 最佳的阈值"),
    "report.both": (
        "cosine {cosine}, probability {probability}",
        "余弦 {cosine}，概率 {probability}",
    ),
    "report.sigmoid": (
        "sigmoid({scale:.3f} × cosine {bias})",
        "sigmoid({scale:.3f} × 余弦 {bias})",
    ),
    "report.negatives": (
        "All {pairs:,} pairs of the file are labelled 1. {drawn:,} random pairs, {each} to a query "
        "(seed {seed}), are assumed to be irrelevant: nobody judged them.",
        "文件中的 {pairs:,} 个样本都标注为 1。另随机抽取 {drawn:,} 个样本，每个查询 {each} 个（随机种子 {seed}），"
        "假定为不相关：没有人判断过。",
    ),
    "report.all relevant": (
        "All pairs are labelled 1: this says nothing of false positives.",
        "所有样本都标注为 1：无法说明误报。",
    ),
    # right and wrong
    "report.confusion": ("Right and wrong", "对与错"),
    "report.confusion.caption": (
        "Pairs by label and by what the model says",
        "按标注和模型的判断统计的样本",
    ),
    "report.confusion.above": ("At or above the threshold", "达到阈值"),
    "report.confusion.below": ("Below it", "低于阈值"),
    "report.confusion.unread": (
        "Counted as below: {number:,} pairs of which the model reads nothing.",
        "计为低于阈值：{number:,} 个模型无法读取的样本。",
    ),
    "report.rates": ("At the threshold", "在此阈值下"),
    "report.measure": ("Measure", "指标"),
    "report.value": ("Value", "值"),
    "measure.precision": ("Precision", "精确率"),
    "measure.recall": ("Recall", "召回率"),
    "measure.F1": ("F1", "F1"),
    "measure.error rate": ("Error rate", "错误率"),
    "measure.false positive rate": ("False positive rate", "误报率"),
    # curves
    "report.curves": ("Over all thresholds", "在所有阈值下"),
    "report.curves.shapes": (
        "The less the two shapes overlap, the better; the upright line is the threshold.",
        "两个形状重叠越少越好；竖线为阈值。",
    ),
    "report.curves.diamond": ("Diamond: the threshold.", "菱形：阈值。"),
    "report.curves.roc": ("ROC curve", "ROC 曲线"),
    "report.curves.calibration": ("Calibration", "校准"),
    "report.curves.numbers": ("The curves in numbers", "曲线的数值"),
    "report.curves.caption": ("Every so many thresholds", "等间隔抽取的阈值"),
    "report.mean": ("Mean", "平均"),
    "report.from": ("From", "从"),
    "report.to": ("To", "到"),
    # ranking
    "report.ranking": ("Ranking", "排序"),
    "report.ranking.none": (
        "No query has both a relevant and another document, so there is nothing to rank.",
        "没有查询同时有相关和不相关的文档，因此无从排序。",
    ),
    "report.ranking.caption": (
        "Each query's documents in the data, ranked by cosine; 95 % intervals",
        "数据中每个查询的文档，按余弦排序；95 % 区间",
    ),
    # slices
    "report.slices": ("Slices, worst first", "切片，最差的在前"),
    "report.slices.none": (
        "All pairs are alike: nothing to slice by.",
        "所有样本都相同：没有可用来切片的列。",
    ),
    "report.slices.about": (
        "Of all pairs, {overall:.1%} are wrong. A slice stands by the lower end of the 95 % "
        "interval of its share, those under ten pairs last.",
        "全部样本中判错 {overall:.1%}。切片按其比例 95 % 区间的下端排列，不足十个样本的排在最后。",
    ),
    "report.slices.caption": ("The worst {number} slices", "最差的 {number} 个切片"),
    "report.slices.wrong": ("Wrong", "判错"),
    "report.slices.interval": ("95 % interval", "95 % 区间"),
    "report.slices.figure": ("Share of wrong pairs", "判错样本的比例"),
    "report.slices.reading": (
        "Bars: 95 % intervals. The upright line: all pairs.",
        "横条：95 % 区间。竖线：全部样本。",
    ),
    "report.slice": ("{column}: {name}", "{column}：{name}"),
    # errors
    "report.errors.none": ("No pair is wrong at this threshold.", "在此阈值下没有判错的样本。"),
    "report.errors.shown": (
        "The worst {shown:,} of {number:,} errors.",
        "最严重的 {shown:,} 个错误，共 {number:,} 个。",
    ),
    "report.errors.shaded": (
        "Of the first {number}, words are shaded by their effect: blue ones hold the cosine up, "
        "orange and underlined ones hold it down; the small numbers say by how much. Struck out: "
        "not read.",
        "前 {number} 个按词的作用着色：蓝色使余弦升高，橙色加下划线使余弦降低；小数字表示多少。删除线：未读取。",
    ),
    "report.causes": ("Causes of the worst {number:,} errors", "最严重的 {number:,} 个错误的原因"),
    "report.causes.number": ("Errors", "错误数"),
    "report.error": ("{number}. {kind}, {place}: {cause}", "{number}. {kind}，{place}：{cause}"),
    "report.error.line": ("line {line}", "第 {line} 行"),
    "report.error.assumed": ("assumed pair {line}", "假定样本 {line}"),
    "report.error.scores": (
        "Cosine {cosine:.3f}, {by:.3f} from the threshold; probability {probability}; rank "
        "{rank:.0f} of {candidates}.",
        "余弦 {cosine:.3f}，距阈值 {by:.3f}；概率 {probability}；名次 {rank:.0f} / {candidates}。",
    ),
    "report.error.unread": (
        "No score: the model reads nothing of it.",
        "没有分数：模型无法读取其内容。",
    ),
    # verdicts
    "report.verdicts": ("Verdicts", "判断"),
    "report.verdicts.told": (
        "People judged {number:,} of these pairs: {told}.",
        "这些样本中已有人判断 {number:,} 个：{told}。",
    ),
    "report.verdicts.cut": ("The latest {number:,} of them:", "其中最近的 {number:,} 个："),
    "report.verdict": ("Verdict", "判断"),
    "report.verdict.at": ("When", "时间"),
}
