"""Texts of the page Compare, and those that all pages share, each in English and Simplified Chinese."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    # head and inputs
    "title": ("Why does this document match?", "这篇文档为什么匹配？"),
    "intro": (
        "A model turns the query and each document into a vector. How alike two vectors point is "
        "the cosine, and a sigmoid turns that into a probability. Every step is shown here.",
        "模型把查询和每篇文档变成向量。两个向量方向的相似程度是余弦，再经 sigmoid 变成概率。本页展示每一步。",
    ),
    "page.compare": ("Compare", "比较"),
    "page.inspect": ("Inspect", "检查"),
    "language": ("Language", "语言"),
    "language.code": ("en", "zh-CN"),
    "model": ("Model", "模型"),
    "model.help": (
        "The trained models found in the folder sample_models.",
        "sample_models 文件夹中的已训练模型。",
    ),
    "example": ("Example", "示例"),
    "example.help": (
        "Fills in a query and documents. Some show the model in error, on purpose.",
        "填入查询和文档。其中一些特意展示模型的错误。",
    ),
    "own": ("your own text", "自己的文字"),
    "query": ("Query", "查询"),
    "query.help": ("What a person is looking for, in a few words.", "要找什么，用几个词描述。"),
    "documents": ("Documents, one a line", "文档，每行一篇"),
    "documents.help": (
        "Candidates for the query, at most {most}; empty ones are passed over. For documents of "
        "several lines choose Table, and double-click a cell to edit it.",
        "候选文档，最多 {most} 篇；空的会被跳过。多行的文档请选“表格”，双击单元格即可编辑。",
    ),
    "documents.table": ("Documents, one a row", "文档，每行一篇"),
    "entry": ("Enter documents as", "输入方式"),
    "entry.lines": ("Lines", "文本"),
    "entry.table": ("Table", "表格"),
    "score": ("Score", "打分"),
    # status
    "ready": ("✓ Live model ready.", "✓ 模型已就绪。"),
    "failed": ("The live model cannot be loaded.", "无法加载模型。"),
    "loading": (
        "Stored result of this example shown; live model loading…",
        "显示的是此示例的已存结果；模型正在加载……",
    ),
    "waiting": (
        "Live model loading: your text will be scored as soon as it is ready…",
        "模型正在加载：就绪后会立即为您的文字打分……",
    ),
    "stored": (
        "Stored result of this example shown. Without the live model other text has no result.",
        "显示的是此示例的已存结果。没有模型就无法为其他文字打分。",
    ),
    "scoring": ("Scoring document {done} of {total}", "正在打分：第 {done} 篇，共 {total} 篇"),
    "stop": ("Stop", "停止"),
    "stopped": (
        "Scoring was stopped. Press Score to take it up again.",
        "打分已停止。按“打分”可继续。",
    ),
    # what is wrong
    "error": ("Error", "错误"),
    "warning": ("Warning", "警告"),
    "note": ("Note", "提示"),
    "found": ("Found:", "内容："),
    "broken": ("Models that cannot be used: {number}", "无法使用的模型：{number}"),
    "crash": (
        "This part of the page failed, and nothing you typed is lost. Change the text or choose "
        "an example; the log of the program has the details.",
        "页面的这一部分出错了，您输入的内容没有丢失。请修改文字或选择一个示例；详情见程序日志。",
    ),
    "no models": ("There is no usable model folder", "没有可用的模型文件夹"),
    "no models.hint": (
        "Train one: python -m dssm_core train --pairs FILE --out sample_models/NAME",
        "请训练一个：python -m dssm_core train --pairs FILE --out sample_models/NAME",
    ),
    "no examples": (
        "This model folder has no examples. Type a query and documents.",
        "此模型没有示例。请输入查询和文档。",
    ),
    "error.model": (
        "The link names a model that is not here, so another is used",
        "链接中的模型不存在，已改用其他模型",
    ),
    "error.query": (
        "Query: it is empty. Type what a person would look for.",
        "查询：为空。请输入要查找的内容。",
    ),
    "error.documents": (
        "Documents: there are none. Type at least one, one a line.",
        "文档：没有内容。请至少输入一篇，每行一篇。",
    ),
    "error.many": (
        "Documents: there are {found:,}, and the first {most} are scored. Score the others in "
        "parts, or all at once with: python -m dssm_core score",
        "文档：共 {found:,} 篇，只为前 {most} 篇打分。其余请分批，或使用：python -m dssm_core score",
    ),
    "error.long": (
        "{which} has {found:,} characters, more than {most:,}. Shorten it: the model reads its "
        "first words only.",
        "{which}有 {found:,} 个字符，超过 {most:,} 个。请缩短：模型只读取开头的词。",
    ),
    "error.query.unread": (
        "Query: nothing in it that the model reads, only symbols or punctuation, so no document "
        "has a score. Add a word.",
        "查询：没有模型能读取的内容，只有符号或标点，因此没有分数。请加一个词。",
    ),
    # what was not read
    "note.unread": (
        "No score, for there is nothing that the model reads, only symbols or punctuation: {which}.",
        "没有分数，因为没有模型能读取的内容，只有符号或标点：{which}。",
    ),
    "note.duplicate": (
        "The same text more than once, so the same numbers: {which}.",
        "文字重复，因此数字相同：{which}。",
    ),
    "note.empty": ("Empty, passed over: line {which}.", "空行，已跳过：第 {which} 行。"),
    "note.truncated": (
        "Longer than the model reads; the rest is struck through: {which}.",
        "超出模型读取长度，其余部分已划线：{which}。",
    ),
    "note.letters": (
        "Words never seen in training, read by their letters only: {which}.",
        "训练中未见过、仅按字母读取的词：{which}。",
    ),
    "note.skipped": (
        "Not read, a symbol or a word that this model has no id for: {which}.",
        "未读取（符号，或该模型没有编号的词）：{which}。",
    ),
    "note.letters.all": (
        "Query: none of its words was seen in training. It is read by its letters only, so do not "
        "lean on these numbers.",
        "查询：没有任何词在训练中见过，仅按字母读取，请勿过分相信这些数字。",
    ),
    "comma": (", ", "、"),
    "none": ("none", "无"),
    "words.more": ("{words} and {number} more", "{words}以及另外 {number} 个"),
    "range": ("{low} to {high}", "{low} 到 {high}"),
    "others": ("and {number:,} more", "以及另外 {number:,} 项"),
    "the query": ("the query", "查询"),
    "document": ("Document", "文档"),
    "document n": ("document {n}", "文档 {n}"),
    "document n line": ("document {n} (line {line})", "文档 {n}（第 {line} 行）"),
    # numbers
    "threshold": ("Threshold on probability", "概率阈值"),
    "threshold.help": (
        "From this probability on a document counts as a match. The dashed lines show it on both "
        "scales.",
        "达到此概率的文档视为匹配。虚线在两个刻度上标出它。",
    ),
    "threshold.same": (
        "Probability {probability:.2f} is the same line as cosine {cosine:.3f}.",
        "概率 {probability:.2f} 与余弦 {cosine:.3f} 是同一条线。",
    ),
    "threshold.never": (
        "No cosine reaches probability {probability:.2f}: this model can only say {low:.3f} to "
        "{high:.3f}.",
        "没有余弦能达到概率 {probability:.2f}：该模型只能给出 {low:.3f} 到 {high:.3f}。",
    ),
    "finding": (
        "Document {best} matches best, with probability {probability:.3f}. {above} of {number} "
        "reach the threshold.",
        "文档 {best} 最匹配，概率为 {probability:.3f}。{number} 篇中有 {above} 篇达到阈值。",
    ),
    "finding.none": ("No document has a score.", "没有文档有分数。"),
    "choose": (
        "Click a document in a chart or in the table to see it in detail below.",
        "点击图表或表格中的文档，可在下方查看详情。",
    ),
    "selected": ("Document in detail", "查看文档"),
    "chain": ("From cosine to probability", "从余弦到概率"),
    "cosine": ("Cosine", "余弦"),
    "cosine.help": (
        "How alike the two vectors point: 1 the same way, 0 unrelated, −1 opposite.",
        "两个向量方向的相似程度：1 相同，0 无关，−1 相反。",
    ),
    "logit": ("Logit", "Logit"),
    "logit.help": (
        "w × cosine + b, with w and b learned in training. Above 0: more likely a match than not.",
        "w × 余弦 + b，w 和 b 由训练得到。大于 0 表示更可能匹配。",
    ),
    "probability": ("Probability", "概率"),
    "probability.help": (
        "How likely a match, for the mix of pairs that the model's card names. sigmoid(x) is "
        "1 ÷ (1 + e⁻ˣ).",
        "匹配的可能性，仅对模型卡中说明的样本比例有效。sigmoid(x) 即 1 ÷ (1 + e⁻ˣ)。",
    ),
    "above": ("reaches the threshold {threshold:.2f}", "达到阈值 {threshold:.2f}"),
    "below": ("below the threshold {threshold:.2f}", "低于阈值 {threshold:.2f}"),
    "rank": ("Rank", "名次"),
    "rank.of": ("{rank} of {number}", "{rank} / {number}"),
    "rank.help": (
        "1 is the highest cosine of these documents; equal cosines share a rank.",
        "这些文档中余弦最高者为 1；余弦相等则名次相同。",
    ),
    "percentile": ("Percentile", "百分位"),
    "percentile.help": (
        "Of 100 random query-document pairs, so many have a lower cosine.",
        "每 100 个随机的查询-文档对中，有这么多对的余弦更低。",
    ),
    "reach": (
        "Whatever the texts, this model's probabilities lie between {low} and {high}.",
        "无论文字如何，该模型的概率都在 {low} 与 {high} 之间。",
    ),
    "alike": (
        "w is above 0, so cosine and probability rank the documents alike.",
        "w 大于 0，因此余弦与概率给出相同的排序。",
    ),
    "backwards": (
        "w is {scale:.3f}, below 0: this model ranks backwards. The more alike two texts are, the "
        "lower their probability. Do not use its probabilities.",
        "w 为 {scale:.3f}，小于 0：该模型的排序是反的。文字越相似，概率越低。请勿使用其概率。",
    ),
    "flat": (
        "w is 0: every pair gets the same probability, whatever its cosine. Rank by cosine.",
        "w 为 0：无论余弦是多少，每一对的概率都相同。请按余弦排序。",
    ),
    # attention
    "attention": ("What the model read, and where it looked", "模型读了什么、关注了什么"),
    "attention.note": (
        "Darker is more attention: how much each word counts in its text's vector. The weights of "
        "a text sum to 1. Attention is not an explanation: a word with much weight need not have "
        "raised the score.",
        "颜色越深，注意力越大：即每个词在该文字向量中占多少。一段文字的权重之和为 1。注意力不是解释：权重大的词不一定提高了分数。",
    ),
    "attention.none": (
        "This model has no attention, so there are no weights to show, only what it read.",
        "该模型没有注意力机制，因此没有权重可显示，只显示读取了什么。",
    ),
    "attention.cut": (
        "The heat map shows the first {number} words of each text.",
        "热力图只显示每段文字的前 {number} 个词。",
    ),
    "weight": ("attention {weight:.3f}", "注意力 {weight:.3f}"),
    "bars.cut": (
        "The bars show the first {most} by rank and the chosen one; the table shows all.",
        "条形图只显示前 {most} 名和所选文档；表格显示全部。",
    ),
    "mark.seen": ("seen in training", "训练中见过"),
    "mark.letters": ("read by its letters only", "仅按字母读取"),
    "mark.truncated": ("not read: past the model's limit", "未读取：超出模型长度限制"),
    "mark.skipped": (
        "not read: a symbol, or a word without an id in this model",
        "未读取：符号，或该模型没有编号的词",
    ),
    "legend": ("Marks", "标记"),
    "legend.word": ("word", "词"),
    "more": ("… and {number:,} more characters", "……另有 {number:,} 个字符"),
    "nothing": ("Nothing here that the model reads.", "这里没有模型能读取的内容。"),
    # table, link, downloads
    "table": ("All numbers", "全部数字"),
    "table.alt": ("Every document with its numbers", "每篇文档及其数字"),
    "share": ("Take it with you", "保存与分享"),
    "share.note": (
        "This link restores query, documents, model, threshold and chosen document. The address "
        "bar holds it too.",
        "此链接可还原查询、文档、模型、阈值和所选文档。地址栏中也是同一链接。",
    ),
    "share.long": (
        "These texts are too long for a link, so reloading the page would lose them. Download "
        "them instead.",
        "文字太长，无法放入链接；重新加载页面会丢失。请改为下载。",
    ),
    "csv": ("Numbers as CSV", "数字（CSV）"),
    "html": ("Page as HTML", "页面（HTML）"),
    "effects": ("What each token adds", "每个词贡献了多少"),
    "effects.note": (
        "Each token is left out in turn and its text encoded anew: what the cosine loses is the "
        "token's effect. Diamonds are attention weights, to compare.",
        "依次去掉每个词并重新编码：余弦的损失就是该词的作用。菱形为注意力权重，供比较。",
    ),
    "effects.agree": (
        "Attention and effect rank the tokens much alike (rank correlation {agreement:.2f}).",
        "注意力与作用对各词的排序大体一致（秩相关 {agreement:.2f}）。",
    ),
    "effects.partly": (
        "Attention and effect agree in part (rank correlation {agreement:.2f}).",
        "注意力与作用部分一致（秩相关 {agreement:.2f}）。",
    ),
    "effects.part": (
        "Attention and effect part here (rank correlation {agreement:.2f}): go by the effect.",
        "这里注意力与作用不一致（秩相关 {agreement:.2f}）：请以作用为准。",
    ),
    "second": ("Beside another model", "与另一个模型对比"),
    "second.pick": ("Second model", "第二个模型"),
    "second.help": (
        "Scores the same query and documents, side by side.",
        "为同样的查询和文档打分，并排显示。",
    ),
    # candidates from a corpus
    "find": ("Find candidates", "查找候选"),
    "find.title": ("Candidates for the query", "查询的候选文档"),
    "find.close": ("Close", "关闭"),
    "find.reading": ("Reading the corpus…", "正在读取语料库……"),
    "find.waiting": (
        "The live model is loading; its list comes as soon as it is ready…",
        "模型正在加载；就绪后会显示它的列表……",
    ),
    "find.encoding": (
        "Encoding the corpus, once: {done:,} of {total:,} documents…",
        "正在编码语料库（仅一次）：{done:,} / {total:,} 篇……",
    ),
    "find.by.model": ("By the model", "按模型"),
    "find.by.words": ("By BM25", "按 BM25"),
    "find.exact": (
        "Highest cosine, exact over {number:,} documents.",
        "余弦最高，精确搜索 {number:,} 篇文档。",
    ),
    "find.approximate": (
        "Highest cosine, approximate (usearch) over {number:,} documents: recall@10 {recall:.3f} "
        "against exact, measured when the index was built.",
        "余弦最高，近似搜索（usearch）{number:,} 篇文档：建索引时测得相对精确搜索的 recall@10 为 {recall:.3f}。",
    ),
    "find.words.over": (
        "Shared words, rare ones count most; over {number:,} documents.",
        "共有的词，越少见的词越重要；共 {number:,} 篇文档。",
    ),
    "find.no words": ("No document shares a word with the query.", "没有文档与查询有共同的词。"),
    "find.judged": (
        "Judged for this query in the model folder's pairs.csv: {relevant} relevant, {irrelevant} "
        "not.",
        "模型文件夹的 pairs.csv 中对此查询已有标注：{relevant} 篇相关，{irrelevant} 篇不相关。",
    ),
    "find.unjudged": (
        "The model folder's pairs.csv holds no judgement for this query, so no document is marked "
        "relevant.",
        "模型文件夹的 pairs.csv 中没有对此查询的标注，因此没有文档标为相关。",
    ),
    "find.missed": ("Judged relevant, but further down:", "标注为相关，但排名靠后："),
    "find.cosine": ("{rank:,} · cosine {n:.4f}", "{rank:,} · 余弦 {n:.4f}"),
    "find.bm25": ("{rank:,} · BM25 {n:.2f}", "{rank:,} · BM25 {n:.2f}"),
    "find.relevant": ("✓ judged relevant", "✓ 标注为相关"),
    "find.irrelevant": ("✗ judged not relevant", "✗ 标注为不相关"),
    "find.not judged": ("not judged", "未标注"),
    "find.both": ("in both lists", "两个列表都有"),
    "find.overlap": ("In both lists: {both}.", "两个列表都有：{both} 篇。"),
    "find.mode": ("What to do with the documents above", "如何处理上面的文档"),
    "find.replace": ("Replace those {number}", "替换这 {number} 篇"),
    "find.add": ("Keep them and add", "保留并追加"),
    "find.use ticked": ("Score the ticked ({number})", "为勾选的打分（{number}）"),
    "find.use all": ("Score all {number}", "全部打分（{number}）"),
    "find.filled": ("The documents that were here before are kept.", "之前的文档已保留。"),
    "find.back": ("Swap back", "换回"),
}
