"""Every text of the page, in English and Simplified Chinese; one word for each idea."""

from __future__ import annotations

from typing import Any

import streamlit as st

LANGUAGES = {"en": "English", "zh": "中文"}

WORDS: dict[str, tuple[str, str]] = {
    "title": ("Why does this document match?", "这篇文档为什么匹配？"),
    "intro": (
        "Two towers turn query and document into vectors. Their cosine is the match; a sigmoid makes "
        "it a probability.",
        "两座塔把查询和文档变成向量。余弦是匹配程度，sigmoid 把它变成概率。",
    ),
    "model": ("Model", "模型"),
    "model.help": ("A folder of sample_models/.", "sample_models/ 中的一个文件夹。"),
    "example": ("Example", "示例"),
    "example.help": (
        "Fills in a query and documents. Errors are among the examples, on purpose.",
        "填入查询和文档。示例中特意包含了错误。",
    ),
    "own": ("your own text", "自己的文字"),
    "query": ("Query", "查询"),
    "query.help": ("What a person is looking for, in a few words.", "要找什么，用几个词描述。"),
    "documents": ("Documents, one a line", "文档，每行一篇"),
    "documents.help": (
        "Candidates for the query, at most 200. Empty lines are passed over.",
        "候选文档，最多 200 篇。空行会被跳过。",
    ),
    "documents.table": ("Documents, one a row", "文档，每行一篇"),
    "entry": ("Enter documents as", "输入方式"),
    "entry.lines": ("Lines", "文本"),
    "entry.table": ("Table", "表格"),
    "ready": ("Live model ready", "模型已就绪"),
    "loading": (
        "The live model is loading (some seconds). The example's stored scores are shown meanwhile.",
        "模型正在加载（几秒钟）。在此期间显示示例的已存分数。",
    ),
    "waiting": (
        "The live model is still loading: your text is scored as soon as it is ready.",
        "模型仍在加载：就绪后会立即为您的文字打分。",
    ),
    "scoring": ("Scoring document {done} of {total}", "正在打分：第 {done} 篇，共 {total} 篇"),
    "threshold": ("Threshold on probability", "概率阈值"),
    "threshold.help": (
        "From this probability on a document counts as a match. The same line on the cosine's "
        "scale is computed from the head.",
        "达到此概率的文档视为匹配。余弦刻度上的对应值由模型头算出。",
    ),
    "threshold.same": (
        "probability {probability:.2f} is cosine {cosine:.3f}",
        "概率 {probability:.2f} 对应余弦 {cosine:.3f}",
    ),
    "threshold.never": (
        "no cosine reaches probability {probability:.2f}: this model can only say {low:.3f} to "
        "{high:.3f}",
        "没有余弦能达到概率 {probability:.2f}：该模型只能给出 {low:.3f} 到 {high:.3f}",
    ),
    "selected": ("Document in detail", "查看文档"),
    "chain": ("From cosine to probability", "从余弦到概率"),
    "cosine": ("Cosine", "余弦"),
    "cosine.help": (
        "How alike the two vectors point: 1 the same way, 0 unrelated, −1 opposite.",
        "两个向量方向的相似程度：1 相同，0 无关，−1 相反。",
    ),
    "logit": ("Logit", "logit"),
    "logit.help": (
        "cosine × w + b: the head stretches and shifts the cosine. w and b were learned.",
        "余弦 × w + b：模型头对余弦做缩放和平移，w 和 b 是学到的。",
    ),
    "probability": ("Probability", "概率"),
    "probability.help": (
        "sigmoid of the logit: how likely the pair is relevant, for the mix of pairs that the "
        "model card names.",
        "logit 的 sigmoid：该对相关的可能性，仅对模型卡中说明的样本比例有效。",
    ),
    "rank": ("Rank", "名次"),
    "rank.help": (
        "1 is the highest cosine among these documents; equal cosines share a rank.",
        "这些文档中余弦最高者为 1；余弦相等则名次相同。",
    ),
    "percentile": ("Percentile", "百分位"),
    "percentile.help": (
        "Share of random query-document pairs of the model's corpus with a lower cosine.",
        "模型语料中余弦更低的随机查询-文档对所占比例。",
    ),
    "reach": (
        "This model's probabilities can only lie between {low:.4f} (cosine −1) and {high:.4f} "
        "(cosine 1).",
        "该模型的概率只能在 {low:.4f}（余弦 −1）与 {high:.4f}（余弦 1）之间。",
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
        "w is 0: every pair gets the same probability, whatever its cosine.",
        "w 为 0：无论余弦是多少，每一对的概率都相同。",
    ),
    "attention": ("What each tower weighed", "各塔关注了什么"),
    "attention.note": (
        "Attention is how much each word counted in the tower's vector; the weights of a text sum "
        "to 1. It is not an explanation: a word with much weight need not have raised the score.",
        "注意力表示每个词在塔的向量中占多少；一段文字的权重之和为 1。它不是解释：权重大的词不一定提高了分数。",
    ),
    "attention.none": (
        "This model has no attention, so there are no weights to show.",
        "该模型没有注意力机制，因此没有权重可显示。",
    ),
    "attention.chart": ("As a heat map", "热力图"),
    "mark.seen": ("seen in training", "训练中见过"),
    "mark.letters": (
        "read by its letters only: never seen in training",
        "仅按字母读取：训练中未见过",
    ),
    "mark.truncated": ("not read: past the model's limit", "未读取：超出模型长度限制"),
    "mark.skipped": ("not read: a symbol", "未读取：符号"),
    "more": ("… and {number:,} more words that were not read", "……另有 {number:,} 个词未读取"),
    "nothing": ("Nothing here that the model reads.", "这里没有模型能读取的内容。"),
    "table": ("All numbers", "全部数字"),
    "document": ("Document", "文档"),
    "share": ("Share", "分享"),
    "share.note": (
        "This link restores query, documents, model, threshold and selection.",
        "此链接可还原查询、文档、模型、阈值和选择。",
    ),
    "share.long": (
        "The texts are too long for a link. Download them instead.",
        "文字太长，无法放入链接。请改为下载。",
    ),
    "csv": ("Numbers as CSV", "下载 CSV"),
    "html": ("This page as HTML", "下载 HTML"),
    "error.query": (
        "Query: it is empty. Type what a person would look for.",
        "查询为空。请输入要查找的内容。",
    ),
    "error.query.unread": (
        "Query: there is nothing that the model reads, only symbols or punctuation. Add a word.",
        "查询中没有模型能读取的内容，只有符号或标点。请加一个词。",
    ),
    "error.documents": (
        "Documents: there are none. Type at least one, one a line.",
        "没有文档。请至少输入一篇，每行一篇。",
    ),
    "error.many": (
        "Documents: there are {found:,}, and the first {most} are scored. Score the others in "
        "turn, or all with `python -m dssm_core score`.",
        "文档共 {found:,} 篇，只为前 {most} 篇打分。其余请分批，或使用 `python -m dssm_core score`。",
    ),
    "note.unread": (
        "Nothing in it that the model reads, so no score: document {which}.",
        "没有模型能读取的内容，因此没有分数：文档 {which}。",
    ),
    "note.duplicate": (
        "The same text twice, with the same numbers: documents {which}.",
        "文字重复，数字相同：文档 {which}。",
    ),
    "note.truncated": (
        "Longer than the model reads, the rest is struck through: {which}.",
        "超出模型读取长度，其余部分已划线：{which}。",
    ),
    "note.letters": (
        "Words never seen in training, read by their letters only: {which}.",
        "训练中未见过、仅按字母读取的词：{which}。",
    ),
    "note.letters.all": (
        "No word of the query was seen in training: it is read by its letters only, so do not "
        "lean on these numbers.",
        "查询中没有任何词在训练中见过：仅按字母读取，请勿过分相信这些数字。",
    ),
    "no models": (
        "There is no usable model folder in {path}. Train one: python -m dssm_core train --pairs "
        "FILE --out sample_models/NAME",
        "{path} 中没有可用的模型。请训练一个：python -m dssm_core train --pairs FILE --out sample_models/NAME",
    ),
    "the query": ("the query", "查询"),
    "document n": ("document {n}", "文档 {n}"),
    "language": ("Language", "语言"),
}


def language() -> str:
    """Return the chosen language, at first the browser's."""
    chosen = st.session_state.get("page.language")
    if chosen in LANGUAGES:
        return str(chosen)
    return "zh" if (st.context.locale or "").lower().startswith("zh") else "en"


def say(key: str, **values: Any) -> str:
    """Return a text of the page in the chosen language, with values put in."""
    text = WORDS[key][list(LANGUAGES).index(language())]
    return text.format(**values) if values else text
