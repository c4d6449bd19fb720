"""Why the model is wrong about a pair, each text in English and Simplified Chinese."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "cause.nothing readable": ("nothing readable", "没有可读内容"),
    "cause.labelled both ways": ("labelled both ways", "标注自相矛盾"),
    "cause.unknown words decide": ("unknown words decide", "由未见过的词决定"),
    "cause.truncated away": ("truncated away", "被截断"),
    "cause.negation mismatch": ("negation mismatch", "否定不一致"),
    "cause.number mismatch": ("number mismatch", "数字不一致"),
    "cause.name mismatch": ("name mismatch", "名称不一致"),
    "cause.word overlap trap": ("word overlap trap", "词语重合陷阱"),
    "cause.few words in common": ("few words in common", "词语重合过少"),
    "cause.no cause found": ("no cause found", "未找到原因"),
    # what speaks for a cause
    "evidence.unread.query": (
        "The model reads no word of the query “{query}”.",
        "模型读不了查询“{query}”中的任何词。",
    ),
    "evidence.unread.document": (
        "The model reads no word of the document “{document}”.",
        "模型读不了文档“{document}”中的任何词。",
    ),
    "evidence.unread.both": (
        "The model reads no word of the query “{query}” and the document “{document}”.",
        "模型读不了查询“{query}”和文档“{document}”中的任何词。",
    ),
    "evidence.same texts.relevant": (
        "Line {line} labels the same texts relevant.",
        "第 {line} 行把相同的文字标注为相关。",
    ),
    "evidence.same texts.not relevant": (
        "Line {line} labels the same texts not relevant.",
        "第 {line} 行把相同的文字标注为不相关。",
    ),
    "evidence.unknown": ("Never seen in training: {words}.", "训练中从未见过：{words}。"),
    "evidence.truncated": (
        "The document has {words} only past what the model reads of it.",
        "文档中的{words}在模型读取的长度之外。",
    ),
    "evidence.negation.query": (
        "The query negates {words}, the document does not.",
        "查询否定了{words}，文档没有。",
    ),
    "evidence.negation.document": (
        "The document negates {words}, the query does not.",
        "文档否定了{words}，查询没有。",
    ),
    "evidence.number": (
        "The query has the number {query}, the document {document}.",
        "查询中的数字是{query}，文档中是{document}。",
    ),
    "evidence.name": (
        "The query names {query}, the document {document} instead.",
        "查询提到{query}，文档提到的却是{document}。",
    ),
    "evidence.same vectors.relevant": (
        "Line {line}, labelled relevant, has nearly the same vectors: cosine {query:.3f} of the "
        "queries and {document:.3f} of the documents.",
        "第 {line} 行标注为相关，向量却几乎相同：查询之间余弦为 {query:.3f}，文档之间为 {document:.3f}。",
    ),
    "evidence.same vectors.not relevant": (
        "Line {line}, labelled not relevant, has nearly the same vectors: cosine {query:.3f} of "
        "the queries and {document:.3f} of the documents.",
        "第 {line} 行标注为不相关，向量却几乎相同：查询之间余弦为 {query:.3f}，文档之间为 {document:.3f}。",
    ),
    "evidence.overlap": (
        "The document has {number} of the query's {asked} content words: {words}.",
        "查询的 {asked} 个实词中，文档含有 {number} 个：{words}。",
    ),
    "evidence.no overlap": (
        "The document has none of the query's {asked} content words: {words}.",
        "查询的 {asked} 个实词（{words}）文档一个也没有。",
    ),
    "evidence.overlap.single": (
        "The document has the query's only content word: {words}.",
        "查询唯一的实词{words}，文档含有。",
    ),
    "evidence.no overlap.single": (
        "The document lacks the query's only content word: {words}.",
        "查询唯一的实词{words}，文档没有。",
    ),
    "evidence.none": ("None of the rules applies.", "没有适用的规则。"),
    # what came of the test
    "evidence.nothing left": (
        "Without that nothing is left to read.",
        "去掉之后就没有可读的内容了。",
    ),
    "evidence.without.above": (
        "Without that the cosine is {after:.3f} instead of {before:.3f}, above the threshold of "
        "{at:.3f}.",
        "去掉之后，余弦由 {before:.3f} 变为 {after:.3f}，高于阈值 {at:.3f}。",
    ),
    "evidence.without.below": (
        "Without that the cosine is {after:.3f} instead of {before:.3f}, below the threshold of "
        "{at:.3f}.",
        "去掉之后，余弦由 {before:.3f} 变为 {after:.3f}，低于阈值 {at:.3f}。",
    ),
    "evidence.in front.above": (
        "With that at its front the cosine is {after:.3f} instead of {before:.3f}, above the "
        "threshold of {at:.3f}.",
        "移到文档开头之后，余弦由 {before:.3f} 变为 {after:.3f}，高于阈值 {at:.3f}。",
    ),
}
