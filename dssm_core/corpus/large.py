"""A file of pairs too large to read whole: held-out pairs drawn, the rest streamed into shards.

In memory of 24 bytes a row and a few thousand rows; on disk the training pairs once as CSV, and
then with their negatives.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dssm_core.corpus.checks import LARGE, check_pairs
from dssm_core.corpus.negatives import NegativesConfig, prepare_negatives
from dssm_core.corpus.opening import MAX_BYTES, Source
from dssm_core.corpus.pairs import NEEDED, Pair, read_pairs, stream_checked
from dssm_core.corpus.parquet import is_parquet, number_of_rows
from dssm_core.corpus.reading import OWN, Choices
from dssm_core.corpus.splitting import HELD_OUT, SPLITS, text_hash
from dssm_core.corpus.workbook import Workbook
from dssm_core.errors import UserError
from dssm_core.words import ENGLISH

NEGATIVES = 4
CHUNK = 1 << 20


def is_large(path: Path) -> bool:
    """Return whether a file has more rows than `read_pairs` should read, or more bytes than it can.

    Args:
        path: plain or packed; line breaks are counted, so a quoted cell of many lines counts as
            many rows; of Parquet, its rows.
    """
    lines = size = 0
    if Workbook.of(Source.of(path)):  # has few enough rows
        return False
    if is_parquet(path):
        return number_of_rows(path) > LARGE
    with Source.of(path).open() as stream:
        while chunk := stream.read(CHUNK):
            lines, size = lines + chunk.count(b"\n"), size + len(chunk)
            if lines > LARGE or size > MAX_BYTES:
                return True
    return False


def read_for_training(
    path: Path,
    data: Path | None,
    work: Path,
    log: Callable[[str], None] = print,
    choices: Choices | None = None,
) -> tuple[pd.DataFrame, Path | None]:
    """Check a file of pairs, log what is found, and read it, the whole of it or what is held out.

    Args:
        path: a file of pairs.
        data: shards that were prepared before, which are then trained on.
        work: where a large file's shards are put, if none were prepared.
        log: called with each finding.
        choices: what a person says of the file.

    Returns:
        What `train` takes as pairs and data.

    Raises:
        UserError: where the file cannot be read as pairs.
    """
    for finding in check_pairs(path, choices):
        log(f"{path.name}: {finding.sentence.text(ENGLISH)}")
    if not is_large(path):
        return read_pairs(path, choices=choices), data
    if data is None:
        return prepare_large(path, work, log, choices=choices)
    held_out = [pair for pair in stream_checked(path, choices) if pair.split in SPLITS[1:]]
    if not held_out:
        raise UserError("large.no split", name=path.name)
    return _frame(held_out), data


def prepare_large(
    path: Path,
    work: Path,
    log: Callable[[str], None] = print,
    seed: int = 0,
    held_out: int = HELD_OUT,
    config: NegativesConfig | None = None,
    choices: Choices | None = None,
) -> tuple[pd.DataFrame, Path]:
    """Hold out pairs of a large file, and prepare the others for training.

    1. Draw the relevant pairs of validation and test: of the rows that the column split names so,
       or of all where there is none.
    2. Write the others to `work`/pairs.csv, less those that share a text with a pair held out.
    3. Draw their negatives into the shards of `work`/data; a killed run goes on there.

    Args:
        path: a file of pairs.
        work: a folder, made if absent; what is in it of another file is written over.
        log: called with a line for people.
        seed: of both draws.
        held_out: pairs of each of the two splits, at most a tenth of the rows.
        config: how negatives are drawn; 4 at random without.
        choices: what a person says of the file.

    Returns:
        The pairs held out (query, document, label, split, indexed by line), and the folder of
        shards: what `train` takes as pairs and data.

    Raises:
        UserError: where the file cannot be read as pairs, or nothing of it can be held out.
    """
    chosen, texts = _choose(path, held_out, seed, choices)
    work.mkdir(parents=True, exist_ok=True)
    held: list[Pair] = []
    dropped = written = 0
    with (work / "pairs.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*NEEDED, "label"])
        for pair in stream_checked(path, choices):
            if pair.number in chosen:
                held.append(pair._replace(split=chosen[pair.number]))
            elif pair.split in SPLITS[1:]:
                continue
            elif text_hash(pair.query) in texts or text_hash(pair.document) in texts:
                dropped += 1
            else:
                writer.writerow([pair.query, pair.document, pair.label])
                written += 1
    log(
        f"{written:,} pairs to train on, {len(held):,} held out, {dropped:,} left out because they "
        "share a text with a pair held out"
    )
    config = config or NegativesConfig(NEGATIVES, seed=seed)
    prepare_negatives(work / "pairs.csv", work / "data", config, log=log, choices=OWN)
    return _frame(held), work / "data"


def _frame(pairs: Sequence[Pair]) -> pd.DataFrame:
    index = pd.Index([pair.number for pair in pairs], name="line")
    cells = [(pair.query, pair.document, pair.label, pair.split) for pair in pairs]
    return pd.DataFrame(cells, index=index, columns=[*NEEDED, "label", "split"])


def _choose(
    path: Path, held_out: int, seed: int, choices: Choices | None
) -> tuple[dict[int, str], set[int]]:
    """Return the numbers of the pairs held out with their splits, and the hashes of their texts."""
    lines, hashes = array("q"), array("q")
    named: dict[str, array[int]] = {split: array("q") for split in SPLITS[1:]}
    for pair in stream_checked(path, choices):
        if pair.label == 1:
            if pair.split in named:
                named[pair.split].append(len(lines))
            lines.append(pair.number)
            hashes.extend((text_hash(pair.query), text_hash(pair.document)))
    rng = np.random.default_rng(seed)
    number = min(held_out, len(lines) // 10)
    if any(named.values()):
        drawn = {s: rng.permutation(np.array(n))[:held_out] for s, n in named.items()}
    else:
        both = rng.choice(len(lines), 2 * number, replace=False)
        drawn = {"validation": both[:number], "test": both[number:]}
    if any(len(numbers) < 2 for numbers in drawn.values()):
        raise UserError("large.too few", number=len(lines), name=path.name)
    chosen: dict[int, str] = {}
    texts: set[int] = set()
    for split in ("test", "validation"):  # of two that share a text only the first is held out
        own: set[int] = set()
        for row in sorted(drawn[split]):
            both_texts = set(hashes[2 * row : 2 * row + 2])
            if texts.isdisjoint(both_texts):
                chosen[lines[row]] = split
                own |= both_texts
        texts |= own
    return chosen, texts
