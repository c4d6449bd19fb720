"""What people call columns, and how a name is told from the other cells of a file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache

USUAL: Mapping[str, str] = {
    "query": (
        "query queries q question search search_query search_term searchterm keyword keywords "
        "anchor premise sentence1 text1 left request input user_query consulta pregunta busca "
        "pergunta requête requete recherche suche anfrage suchanfrage frage suchbegriff domanda "
        "ricerca zoekopdracht vraag zapytanie pytanie sorgu soru запрос вопрос 查询 查詢 问题 問題 "
        "搜索词 検索 検索語 クエリ 質問 질의 검색어 질문 استعلام سؤال प्रश्न truy_vấn"
    ),
    "document": (
        "document documents doc docs passage passages passage_text text body content "
        "contents answer response candidate candidates item "
        "product description title positive positives pos positive_ctxs hypothesis sentence "
        "sentence2 text2 right target_text "
        "documento texto respuesta resposta texte réponse reponse dokument antwort beschreibung "
        "testo risposta tekst antwoord odpowiedź belge metin cevap документ текст ответ описание "
        "文档 文檔 文件 答案 正文 内容 文書 本文 回答 ドキュメント 문서 본문 답변 وثيقة نص दस्तावेज़"
    ),
    "label": (
        "label labels relevance relevant is_relevant rel target y gold grade judgement judgment "
        "class match is_match is_duplicate is_selected selected score rating click clicked "
        "etiqueta relevancia "
        "relevante rótulo relevância étiquette etiquette pertinence pertinent bezeichnung relevanz "
        "etikett etichetta rilevanza relevantie etykieta trafność etiket ilgili метка "
        "релевантность оценка 标签 標籤 相关 相關 相关性 ラベル 関連 関連度 레이블 라벨 관련 تصنيف "
        "लेबल"
    ),
}
"""What people call the three columns, in the languages of many."""

NEGATIVES = (
    *("negative", "negatives", "neg", "negs", "hard_negative", "hard_negatives"),
    *("negative_ctxs", "hard_negative_ctxs", "negative_passages"),
)
"""What people call columns of documents that are not relevant, or lists of them."""

LONGEST = 3
"""Words that a name has at most."""
LONGEST_NAME = 1_000
"""Characters of what may be a usual name; a cell can have a million, and is not looked at."""

# before the first digit none, so that a long cell is read once and not once from each of its digits
_ID = re.compile(r"(?:[^\W\d]|[.:/#-])*\d[\w.:/#-]*|[0-9a-f-]{12,}", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d]")


def plain(name: str) -> str:
    """Return a name's letters and digits alone, in lower case; "" of what is too long for one."""
    return "".join(_parts(name))


def named(columns: Sequence[str], role: str, among: Collection[str]) -> str | None:
    """Return the column of `among` with a role's most usual name, whole or as a word of its own."""
    usual, among = _usual(role), set(among)
    whole = {plain(column): column for column in reversed(columns) if column in among}
    for word in usual:
        if word in whole:
            return whole[word]
    for column in columns:
        words = _words(column)
        if column in among and "id" not in words and words & usual.keys():
            return column
    return None


def sides(columns: Sequence[str], among: Collection[str]) -> tuple[str, str] | None:
    """Return two columns that differ in a 1 and a 2, or an a and a b, at their end."""
    found: dict[tuple[str, str], str] = {}
    among = set(among)
    for column in columns:
        if column in among and (parts := _side(column)):
            found[parts] = column
    for (stem, side), column in found.items():
        other = found.get((stem, {"1": "2", "a": "b"}.get(side, "")))
        if other is not None:
            return column, other
    return None


def _side(name: str) -> tuple[str, str] | None:
    """Return a name without the 1, 2, a or b at its end, and that; None where it has none.

    Example:
        >>> _side("Text-1"), _side("textB"), _side("1"), _side("text")
        (('text', '1'), ('text', 'b'), None, None)
    """
    name = name.casefold() if len(name) <= LONGEST_NAME else ""
    stem, side = name[:-1], name[-1:]
    if side not in tuple("12ab") or not _LETTER.search(stem):
        return None
    is_parted = not (stem[-1].isalnum() or stem[-1] == "_")
    return (stem[:-1] if is_parted else stem), side


def names_both(row: Iterable[str]) -> bool:
    """Return whether a row has usual names of a query and of a document, whole."""
    names = {plain(cell) for cell in row}
    return all(names & _usual(role).keys() for role in ("query", "document"))


def is_usual(cell: str) -> bool:
    """Return whether a cell is what people call a column."""
    words = cell.split()
    if not 0 < len(words) <= LONGEST or len(cell) > 40:
        return False
    roles = [_usual(role) for role in USUAL]
    known = {*map(plain, NEGATIVES), "split", "id", "idx", "index", "qid", "pid", "docid"}
    parts = _side(cell)
    names = {plain(cell), plain(parts[0]) if parts else "", *_words(cell)}
    return any(name in role for name in names for role in roles) or bool(names & known)


def is_id(cell: str) -> bool:
    """Return whether a cell is a number or an id, such as Q12 or a hash."""
    return bool(_ID.fullmatch(cell))


def number_of(cell: str) -> float | None:
    """Return a number, with a point or a comma before its decimals; None where it is none.

    Example:
        >>> number_of("1,5"), number_of("-2"), number_of("12 V")
        (1.5, -2.0, None)
    """
    return float(cell.replace(",", ".")) if _NUMBER.fullmatch(cell) else None


def _parts(name: str) -> list[str]:
    return re.split(r"[\W_]+", name.casefold()) if len(name) <= LONGEST_NAME else []


def _words(name: str) -> set[str]:
    return set(_parts(name)) - {""}


@cache
def _usual(role: str) -> dict[str, int]:
    return {plain(word): place for place, word in enumerate(USUAL[role].split())}
