"""BM25 as a fair rival: words of English, characters of scripts without spaces."""

from __future__ import annotations

from dssm_core.evaluation.lexical import BM25


def best(query: str, documents: list[str]) -> int:
    return int(next(iter(BM25(documents).rows([query]))).argmax())


def test_chinese_and_japanese_are_compared_by_characters() -> None:
    documents = ["今天天气很好", "护照办理流程", "red door"]
    assert best("怎么办理护照", documents) == 1
    assert best("パスポート申請", ["天気予報", "パスポートの申請"]) == 1


def test_a_text_of_two_scripts_is_read_in_both() -> None:
    documents = ["加密备份 backup", "加密货币 coin", "backups of photos"]
    assert best("加密 backups", documents) == 0


def test_english_words_are_those_that_bm25s_finds_by_itself() -> None:
    import bm25s
    import Stemmer

    texts = ["Don't stop: the C++ e-mail's café, naïve x 42 a_b привет", "ab a"]
    stemmer = Stemmer.Stemmer("english")
    usual = bm25s.tokenize(
        texts, stopwords="en", stemmer=stemmer, return_ids=False, show_progress=False
    )
    from dssm_core.evaluation.lexical import _tokens

    assert _tokens(texts, ids=False) == usual
