"""Whatever a file calls its columns: which are query, document and label, guessed and mapped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import pandas as pd

from dssm_core.corpus.pairs import (
    LABELS,
    NEEDED,
    Record,
    bytes_of,
    decode,
    file_name,
    frame_of,
    kind_of,
    read_csv,
    read_jsonl,
    unzip,
)
from dssm_core.errors import UserError

Doubt = Literal["ids", "one label", "same text", "contradiction"]

SAMPLE = 500
"""Rows that a guess looks at."""

MAX_VALUES = 20
"""Different values of a column that may still be labels."""

USUAL: Mapping[str, str] = {
    "query": (
        "query queries q question search search_query search_term searchterm keyword keywords "
        "anchor premise sentence1 text1 left request input user_query consulta pregunta busca "
        "pergunta requête requete recherche suche anfrage suchanfrage frage suchbegriff domanda "
        "ricerca zoekopdracht vraag zapytanie pytanie sorgu soru запрос вопрос 查询 查詢 问题 問題 "
        "搜索词 検索 検索語 クエリ 質問 질의 검색어 질문 استعلام سؤال प्रश्न truy_vấn"
    ),
    "document": (
        "document documents doc docs passage text body content answer response candidate item "
        "product description title positive hypothesis sentence2 text2 right target_text "
        "documento texto respuesta resposta texte réponse reponse dokument antwort beschreibung "
        "testo risposta tekst antwoord odpowiedź belge metin cevap документ текст ответ описание "
        "文档 文檔 文件 答案 正文 内容 文書 本文 回答 ドキュメント 문서 본문 답변 وثيقة نص दस्तावेज़"
    ),
    "label": (
        "label labels relevance relevant is_relevant rel target y gold grade judgement judgment "
        "class match is_match is_duplicate score rating click clicked etiqueta relevancia "
        "relevante rótulo relevância étiquette etiquette pertinence pertinent bezeichnung relevanz "
        "etikett etichetta rilevanza relevantie etykieta trafność etiket ilgili метка "
        "релевантность оценка 标签 標籤 相关 相關 相关性 ラベル 関連 関連度 레이블 라벨 관련 تصنيف "
        "लेबल"
    ),
}
"""What people call the three columns, in the languages of many."""

YES = (
    "1 1.0 true t yes y relevant positive pos match good correct duplicate clicked si sí sim oui "
    "ja da да evet 是 相关 相關 はい 関連 예 관련 نعم"
)
NO = (
    "0 0.0 -1 false f no n irrelevant negative neg mismatch bad wrong different skipped não nao "
    "non nein nee нет hayır 否 不相关 不相關 いいえ 아니요 لا"
)
RELEVANT = frozenset(YES.split())
IRRELEVANT = frozenset([*NO.split(), "not relevant", "non relevant", "no match", "not match"])

# before the first digit none, so that a long cell is read once and not once from each of its digits
_ID = re.compile(r"(?:[^\W\d]|[.:/#-])*\d[\w.:/#-]*|[0-9a-f-]{12,}", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """A file's rows, before anybody said what they mean.

    Attributes:
        name: of the file.
        columns: its columns, in order, no two alike.
        records: for each row its line, from 1, and its cells as text.
    """

    name: str
    columns: tuple[str, ...]
    records: Sequence[Record]

    def cells(self, column: str, most: int | None = None) -> list[str]:
        """Return a column's cells, of the first `most` rows."""
        index = self.columns.index(column)
        return [cells[index] for _, cells in self.records[:most]]

    def values(self, column: str) -> list[str]:
        """Return a column's different values without blanks around, by how often; at most 21."""
        counts = pd.Series([cell.strip() for cell in self.cells(column)]).value_counts()
        return [str(value) for value in counts.index[: MAX_VALUES + 1]]


@dataclass(frozen=True)
class Roles:
    """Which columns are what.

    Attributes:
        query: name of the column with the queries; None while nobody knows.
        document: likewise with the documents.
        label: likewise with the labels; None: all pairs are relevant.
        relevant: the label that means relevant.
        irrelevant: the label that means not relevant; both None where `read_pairs` knows the words.
    """

    query: str | None
    document: str | None
    label: str | None
    relevant: str | None = None
    irrelevant: str | None = None


def read_table(source: Path | str | bytes | IO[Any], name: str | None = None) -> Table:
    """Read CSV, TSV or JSONL, plain or gzipped, whatever its columns are called.

    Args:
        source: a path, the file's bytes, or a file opened for reading.
        name: the file's name, for the format and for messages; the path's if None.

    Raises:
        UserError: where the file cannot be read; names the line.
    """
    name = name or file_name(source)
    text = decode(unzip(bytes_of(source, name), name), name)
    if not text.strip():
        raise UserError("pairs.empty file", name=name)
    kind = kind_of(name, text)
    columns, records = read_jsonl(text, name) if kind == "jsonl" else read_csv(text, name, kind)
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise UserError("pairs.repeated column", name=name, column=twice)
    if not records:
        raise UserError("pairs.no rows", name=name)
    return Table(name, tuple(columns), records)


def guess_roles(table: Table) -> Roles:
    """Guess which columns are query, document and label, by name and by content.

    1. The label is the column called so, or else the only one with two values that mean yes and no.
    2. Query and document are those called so, in any language's usual names.
    3. What is still open goes to the columns that look most like texts: the longer one on average
       is the document.
    """
    names = {role: _named(table.columns, words.split()) for role, words in USUAL.items()}
    label = names["label"]
    if label is None or len(table.values(label)) > MAX_VALUES:
        label = next(filter(lambda c: _means_labels(table, c), table.columns), None)
    query = names["query"] if names["query"] != label else None
    document = names["document"] if names["document"] not in (query, label) else None
    rest = [c for c in table.columns if c not in (query, document, label)]
    lengths = {c: _text_length(table.cells(c, SAMPLE)) for c in rest}
    by_length = sorted((c for c in rest if lengths[c] > 0), key=lambda c: -lengths[c])
    if document is None and by_length:
        both_open = query is None and len(by_length) > 1
        document = by_length.pop(0) if both_open or query is not None else None
    if query is None and by_length:
        query = by_length[0]
    return Roles(query, document, label, *guess_labels(table, label))


def guess_labels(table: Table, column: str | None) -> tuple[str | None, str | None]:
    """Return the values that mean relevant and not; None twice where `read_pairs` knows them."""
    if column is None:
        return None, None
    values = table.values(column)
    if all(value.lower() in LABELS for value in values):
        return None, None
    yes = next((v for v in values if v.lower() in RELEVANT), None)
    no = next((v for v in values if v.lower() in IRRELEVANT and v != yes), None)
    rest = [value for value in values if value not in (yes, no)]
    if yes is None and no is None and len(rest) > 1:
        ordered = sorted(rest, key=_number)
        return ordered[-1], ordered[0]
    return yes or (rest[0] if rest else None), no or (rest[0] if rest else None)


def to_pairs(table: Table, roles: Roles) -> pd.DataFrame:
    """Return a table's pairs, as `read_pairs` would of a file with our own column names.

    Args:
        table: N rows.
        roles: query and document known.

    Returns:
        N rows: query, document, label (1 or 0), then the other columns as text; one that is called
        as one of ours gets " (file)" behind its name. The index is the line.

    Raises:
        UserError: naming line and column, where a text is empty or a label is neither value.
    """
    chosen = {"query": roles.query, "document": roles.document, "label": roles.label}
    for needed in NEEDED:
        if chosen[needed] is None:
            raise UserError(f"columns.no {needed}", name=table.name)
    taken = [column for column in chosen.values() if column is not None]
    twice = next((column for column in taken if taken.count(column) > 1), None)
    if twice is not None:
        raise UserError("columns.chosen twice", twice, name=table.name)
    ours = {column: role for role, column in chosen.items() if column is not None}
    columns = [ours.get(c, c + " (file)" if c in chosen else c) for c in table.columns]
    records = table.records
    if roles.label is not None and roles.relevant is not None:
        records = _mapped(table, roles)
    return frame_of(columns, records, table.name)


def doubts(pairs: pd.DataFrame) -> dict[Doubt, str]:
    """Return what makes pairs doubtful, each kind with an example of it.

    "ids": query or document look like ids; "one label": all pairs have one; "same text": most
    queries equal their documents; "contradiction": a pair is labelled both ways.
    """
    examples: dict[Doubt, str] = {}
    for column in NEEDED:
        sample = pairs[column].head(SAMPLE)
        if (like := [text for text in sample if _ID.fullmatch(text.strip())]) and (
            len(like) > 0.8 * len(sample)
        ):
            examples["ids"] = f"{column}: {like[0][:80]}"
    if pairs["label"].nunique() < 2:
        examples["one label"] = str(pairs["label"].iloc[0])
    if (pairs["query"] == pairs["document"]).mean() > 0.5:
        examples["same text"] = str(pairs["query"].iloc[0])[:80]
    labels = pairs.groupby(["query", "document"], sort=False)["label"].nunique()
    if (both := labels[labels > 1]).size:
        examples["contradiction"] = f"{both.size:,} × {both.index[0][0][:80]}"
    return examples


def _mapped(table: Table, roles: Roles) -> list[Record]:
    """Return the records with 1 and 0 for the two labels."""
    index = table.columns.index(str(roles.label))
    meaning = {str(roles.relevant): "1", str(roles.irrelevant): "0"}
    records: list[Record] = []
    for line, cells in table.records:
        label = meaning.get(cells[index].strip())
        if label is None:
            raise UserError(
                "columns.other label",
                cells[index] or '""',
                column=str(roles.label),
                relevant=str(roles.relevant),
                irrelevant=str(roles.irrelevant),
                line=line,
                name=table.name,
            )
        records.append((line, [*cells[:index], label, *cells[index + 1 :]]))
    return records


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _named(columns: Sequence[str], words: Sequence[str]) -> str | None:
    """Return the column with the most usual name: as a whole, or else as a word of its own."""
    usual = list(map(_plain, words))
    plain = {_plain(column): column for column in reversed(columns)}
    for word in usual:
        if word in plain:
            return plain[word]
    for column in columns:
        words_of = {_plain(part) for part in re.split(r"[\W_]+", column.casefold())}
        if words_of & set(usual) and "id" not in words_of:
            return column
    return None


def _means_labels(table: Table, column: str) -> bool:
    values = {value.lower() for value in table.values(column)}
    return len(values) == 2 and len(values & RELEVANT) == 1 and len(values & IRRELEVANT) == 1


def _text_length(cells: Sequence[str]) -> float:
    """Return the mean length of a column's cells; 0 where they are ids, numbers or categories."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled or sum(bool(_ID.fullmatch(cell)) for cell in filled) > 0.5 * len(filled):
        return 0.0
    is_category = len(filled) > 20 and len(set(filled)) < 0.05 * len(filled)
    return 0.0 if is_category else sum(map(len, filled)) / len(filled)


def _number(value: str) -> tuple[float, str]:
    try:
        return float(value), value
    except ValueError:
        return 0.0, value
