"""Splits that stay the same from run to run: by the hash of a group's name, never by row."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dssm_core.errors import UserError

SPLITS = ("train", "validation", "test")
HELD_OUT = 2000  # rows of the test split, and of the validation split


@dataclass(frozen=True)
class Row:
    """A pair that may enter a corpus.

    Args:
        query: one line.
        document: one line.
        group: what may not be spread over two splits, such as a source package.
        extra: the corpus's further columns.
        may_be_held_out: whether it is good enough to be its group's one held-out row.
    """

    query: str
    document: str
    group: str
    extra: tuple[str | int, ...]
    may_be_held_out: bool = True

    def texts(self) -> tuple[str, str]:
        """Return query and document, folded."""
        return fold(self.query), fold(self.document)


def fold(text: str) -> str:
    """Return text as two copies are compared: lower case, runs of white space as one space."""
    return " ".join(text.lower().split())


def digest(text: str) -> str:
    """Return the SHA-256 of a text in hex: the same order on every machine and in every run."""
    return hashlib.sha256(text.encode()).hexdigest()


def text_hash(text: str) -> int:
    """Return 64 bits that are equal for texts that are equal, folded, and else hardly ever."""
    digest = hashlib.blake2b(fold(text).encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def split_by_group(
    rows: Iterable[Row], dropped: Counter[str], held_out: int = HELD_OUT
) -> dict[str, list[Row]]:
    """Split rows into train, validation and test so that no group is in two of them.

    1. Order the groups by the SHA-256 of their names.
    2. Test: from each group its first row that may be held out and repeats no held-out
       text, until there are `held_out` rows or a quarter of the groups.
    3. Validation: the same from the groups that follow.
    4. Train: every row of the remaining groups, save repeats and rows whose query or
       document is word for word a held-out query or document.

    Args:
        rows: N rows; within a group the order is the order of preference.
        dropped: counts, by reason, what was left out; added to.
        held_out: the most rows of test, and of validation.
    """
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    wanted = min(held_out, len(groups) // 4)
    names = iter(sorted(groups, key=digest))
    texts: set[str] = set()
    test = _held_out_rows(names, groups, wanted, texts, dropped)
    validation = _held_out_rows(names, groups, wanted, texts, dropped)
    rest = (row for name in names for row in groups[name])
    train = list(_training_rows(rest, texts, dropped))
    return {"train": train, "validation": validation, "test": test}


def _held_out_rows(
    names: Iterator[str],
    groups: dict[str, list[Row]],
    wanted: int,
    texts: set[str],
    dropped: Counter[str],
) -> list[Row]:
    chosen: list[Row] = []
    while len(chosen) < wanted and (name := next(names, None)) is not None:
        fit = (r for r in groups[name] if r.may_be_held_out and texts.isdisjoint(r.texts()))
        row = next(fit, None)
        if row:
            chosen.append(row)
            texts.update(row.texts())
        dropped["pair of a held-out group, not the one chosen"] += len(groups[name]) - bool(row)
    return chosen


def _training_rows(rows: Iterable[Row], held_out: set[str], dropped: Counter[str]) -> Iterator[Row]:
    seen: set[tuple[str, str]] = set()
    for row in rows:
        texts = row.texts()
        if not held_out.isdisjoint(texts):
            dropped["training pair that shares a text with a held-out pair"] += 1
        elif texts in seen:
            dropped["training pair seen before"] += 1
        else:
            seen.add(texts)
            yield row


def split_pairs(pairs: pd.DataFrame, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Split pairs into train, validation and test, with no text in two of them.

    A `split` column decides where there is one. Otherwise:

    1. Rows that share a text, folded, as query or as document, form a group.
    2. Groups come in the order of a hash of their first text and the seed.
    3. A group goes to test while test holds at most a tenth of the rows with it, else to
       validation likewise, else to train.

    So rows of which most share texts all land in train, and the others may be empty.

    Args:
        pairs: N rows as from `read_pairs`.
        seed: another seed, another split.

    Returns:
        The rows of each split, in their order in `pairs`.

    Raises:
        UserError: where the `split` column holds another word; names the line.
    """
    if "split" in pairs.columns:
        wrong = ~pairs["split"].isin(SPLITS)
        if wrong.any():
            first = pairs[wrong].iloc[0]
            raise UserError(
                "pairs.unknown split",
                str(first["split"]),
                line=int(first.get("line", first.name)),
                names=", ".join(SPLITS),
            )
        splits = pairs["split"].to_numpy()
    else:
        splits = _assign(pairs, seed)
    return {split: pairs[splits == split] for split in SPLITS}


def _assign(pairs: pd.DataFrame, seed: int) -> np.ndarray:
    from scipy.sparse import coo_array  # which takes a while to load
    from scipy.sparse.csgraph import connected_components

    queries, documents = (
        [fold(text) for text in pairs[column]] for column in ("query", "document")
    )
    codes, texts = pd.factorize(np.array([*queries, *documents], dtype=object))  # [2N]
    left, right = codes[: len(pairs)], codes[len(pairs) :]
    links = coo_array((np.ones(len(pairs)), (left, right)), shape=(len(texts), len(texts)))
    _, group_of_text = connected_components(links, directed=False)
    rows = group_of_text[left]  # [N] the group of each row
    firsts: dict[int, str] = {}
    for group, text in zip(group_of_text, texts, strict=True):
        firsts[group] = min(text, firsts.get(group, text))
    sizes = np.bincount(rows)
    tenth = max(1, len(pairs) // 10)
    room = dict.fromkeys(("test", "validation"), tenth if len(sizes) >= 3 else 0)
    chosen: np.ndarray = np.full(len(sizes), "train", dtype=object)
    for group in sorted(firsts, key=lambda group: digest(f"{seed} {firsts[group]}")):
        for split, left_over in room.items():
            if sizes[group] <= left_over:
                room[split] -= int(sizes[group])
                chosen[group] = split
                break
    return np.asarray(chosen[rows])
