"""Two inspections of the same pairs side by side, and an inspection kept in a file for later.

A snapshot is a zip of one JSON, one Parquet and four .npy files: data only, nothing unpickled,
each checked before it is believed.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dssm_core.errors import UserError
from dssm_core.evaluation import paired_p_value
from dssm_core.files import whole_file
from dssm_core.inspection.measure import ranking_by_query
from dssm_core.inspection.score_pairs import NUMBERS, TRAITS, Inspection
from dssm_core.scoring import Head

FORMAT = 1
"""Raised when a snapshot written by this code could no longer be read by older code."""

ARRAYS = ("queries", "documents", "query_row", "document_row")
ENTRIES = {"inspection.json", "pairs.parquet", *(f"{name}.npy" for name in ARRAYS)}
MAX_BYTES, MAX_ROWS = 1 << 30, 1_000_000
"""Of a snapshot, unpacked; and of its pairs, of which Parquet packs millions into a few bytes."""

FLIPS = 50_000_000
"""Signs drawn at most for the paired test, so that many queries do not fill the memory."""


def compare_inspections(
    one: Inspection, other: Inspection, threshold_one: float, threshold_other: float
) -> pd.DataFrame:
    """Join the pairs that two inspections share.

    1. Pairs are the same if query and document are, letter for letter; a pair listed twice
       counts once, as it is first listed, and its label is that of the first inspection.
    2. rank is counted anew among the shared pairs, so that both models rank the same lists.

    Args:
        one: an inspection, such as of the model in use.
        other: of another model, or of the same one at another time.
        threshold_one: cosine from which the first predicts relevant.
        threshold_other: the same of the other, whose cosines need not mean the same.

    Returns:
        Index as in `one`; query, document, label; cosine, probability, rank, verdict ("relevant"
        or "not relevant"), each with _one and _other; changed: "fixed" (wrong, then right),
        "broken" or "same"; moved: probability of the other minus that of the one. Changed
        verdicts first, then by the size of `moved`; a score that came or went counts as the
        largest.

    Raises:
        UserError: if they share no pair.
    """
    key = ["query", "document"]
    numbers = ["cosine", "probability"]
    first = one.frame.drop_duplicates(key)[[*key, "label", *numbers]]
    second = other.frame.drop_duplicates(key)[[*key, *numbers]]
    joined = (
        first.rename_axis("line")
        .reset_index()
        .merge(second, on=key, suffixes=("_one", "_other"))
        .set_index("line")
    )
    if joined.empty:
        raise UserError("compare.nothing in common", f"{len(first):,}, {len(second):,}")
    relevant = joined["label"] == 1
    right = {}
    for which, threshold in (("one", threshold_one), ("other", threshold_other)):
        cosines = joined[f"cosine_{which}"]
        ranks = cosines.groupby(joined["query"]).rank(method="min", ascending=False)
        joined[f"rank_{which}"] = ranks
        predicted = cosines >= threshold
        joined[f"verdict_{which}"] = np.where(predicted, "relevant", "not relevant")
        right[which] = predicted == relevant
    joined["changed"] = np.select(
        [right["other"] & ~right["one"], right["one"] & ~right["other"]],
        ["fixed", "broken"],
        "same",
    )
    joined["moved"] = joined["probability_other"] - joined["probability_one"]
    gone = joined["cosine_one"].isna() != joined["cosine_other"].isna()
    size = joined["moved"].abs().fillna(0).mask(gone, np.inf)
    return joined.iloc[np.lexsort((-size, joined["changed"] == "same"))]


def summary(changes: pd.DataFrame) -> dict[str, Any]:
    """Count what changed, and say whether chance would do it.

    Args:
        changes: as `compare_inspections` returns them.

    Returns:
        pairs, fixed, broken, same; wrong: {"one", "other"}; p_value: McNemar's exact test that
        fixed and broken are as likely; ranking: None where no query has a relevant and an
        irrelevant document, else queries, MRR@10: {"one", "other"}, and p_value of the paired
        randomisation test.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated
    proportions or percentages", with the binomial distribution itself.
    """
    from scipy.stats import binomtest

    counts = changes["changed"].value_counts()
    truth = np.where(changes["label"] == 1, "relevant", "not relevant")
    fixed, broken, same = (int(counts.get(name, 0)) for name in ("fixed", "broken", "same"))
    return {
        "pairs": len(changes),
        "fixed": fixed,
        "broken": broken,
        "same": same,
        "wrong": {w: int((changes[f"verdict_{w}"] != truth).sum()) for w in ("one", "other")},
        "p_value": float(binomtest(fixed, fixed + broken).pvalue) if fixed + broken else 1.0,
        "ranking": _ranking(changes),
    }


def _ranking(changes: pd.DataFrame) -> dict[str, Any] | None:
    pairs = changes[["query", "document", "label"]]
    one, other = (
        ranking_by_query(pairs.assign(cosine=changes[f"cosine_{which}"]))["MRR@10"].to_numpy()
        for which in ("one", "other")
    )
    if not len(one):
        return None
    flips = int(np.clip(FLIPS // len(one), 1_000, 10_000))
    return {
        "queries": len(one),
        "MRR@10": {"one": float(one.mean()), "other": float(other.mean())},
        "p_value": paired_p_value(one, other, flips=flips),
    }


def save_snapshot(inspection: Inspection, path: Path | IO[bytes]) -> None:
    """Write an inspection into one file, whole or not at all.

    Args:
        inspection: what to keep.
        path: the file, overwritten if it is there; or one opened for writing.

    Raises:
        UserError: if it cannot be written.
    """
    if not isinstance(path, Path):
        _write(inspection, path)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            _write(inspection, file)
    except OSError as error:
        raise UserError("snapshot.cannot write", str(error), path=str(path)) from None


def load_snapshot(path: Path | IO[bytes]) -> Inspection:
    """Read what `save_snapshot` wrote.

    Args:
        path: the file, or one opened for reading.

    Raises:
        UserError: if it is missing, damaged, too large or of another version.
    """
    name = Path(getattr(path, "name", "the snapshot")).name
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if sorted(entry.filename for entry in entries) != sorted(ENTRIES):
                raise ValueError(f"it must hold just {', '.join(sorted(ENTRIES))}")
            if sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise ValueError(f"it unpacks to over {MAX_BYTES:,} bytes")
            header = json.loads(archive.read("inspection.json"))
            if not isinstance(header, dict) or header.get("format") != FORMAT:
                raise ValueError(f"it is no snapshot of format {FORMAT}")
            frame = _frame(archive.read("pairs.parquet"))
            arrays = {
                array: np.lib.format.read_array(
                    io.BytesIO(archive.read(f"{array}.npy")), allow_pickle=False
                )
                for array in ARRAYS
            }
        return _checked(header, frame, arrays)
    except Exception as error:  # zipfile, pyarrow and NumPy raise whatever damage leads to
        raise UserError(
            "snapshot.unusable", f"{type(error).__name__}: {error}", name=name
        ) from None


def _write(inspection: Inspection, file: IO[bytes]) -> None:
    head = {"scale": inspection.head.scale, "bias": inspection.head.bias}
    header = {"model": inspection.model, "fingerprint": inspection.fingerprint, "head": head}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("inspection.json", json.dumps({"format": FORMAT, **header}))
        table = io.BytesIO()
        inspection.frame.to_parquet(table, engine="pyarrow")
        archive.writestr("pairs.parquet", table.getbuffer(), zipfile.ZIP_STORED)
        for name in ARRAYS:
            values = io.BytesIO()
            np.lib.format.write_array(values, getattr(inspection, name), allow_pickle=False)
            archive.writestr(f"{name}.npy", values.getbuffer())


def _frame(content: bytes) -> pd.DataFrame:
    file, batches = pq.ParquetFile(io.BytesIO(content)), []
    room = MAX_BYTES if file.metadata.num_rows <= MAX_ROWS else 0
    for batch in file.iter_batches(1_000):
        room -= batch.nbytes
        if room < 0:
            raise ValueError(f"its {file.metadata.num_rows:,} rows are too many")
        batches.append(batch)
    result: pd.DataFrame = pa.Table.from_batches(batches, file.schema_arrow).to_pandas()
    return result


def _checked(
    header: Mapping[str, Any], frame: pd.DataFrame, arrays: Mapping[str, np.ndarray]
) -> Inspection:
    """Return the inspection once each part is known to fit the others.

    Raises:
        ValueError: saying what does not.
    """
    model, fingerprint, head = header["model"], header["fingerprint"], header["head"]
    numbers = [head["scale"], head["bias"]]
    texts = [model, fingerprint, *frame.columns]
    is_header = all(isinstance(text, str) for text in texts) and all(
        type(number) in (int, float) and abs(number) < 1e30 for number in numbers
    )
    _demand({"inspection.json": is_header})
    _check_frame(frame)
    frame = frame.rename_axis("line")
    queries, documents, *rows = (arrays[name] for name in ARRAYS)
    _check_arrays(queries, documents, rows, len(frame))
    return Inspection(
        model, fingerprint, Head(*map(float, numbers)), frame, queries, documents, *rows
    )


def _check_frame(frame: pd.DataFrame) -> None:
    needed = ["query", "document", "label", *NUMBERS, *TRAITS]
    floats = [name for name in (*NUMBERS, *TRAITS) if name != "script"]
    _demand(
        {
            "columns": list(frame.columns[: len(needed)]) == needed,
            "index": pd.api.types.is_integer_dtype(frame.index) and frame.index.is_unique,
        }
    )
    _demand({"numbers": all(pd.api.types.is_numeric_dtype(frame[name]) for name in floats)})
    cosines = frame["cosine"].to_numpy()
    _demand(
        {
            "label": bool(frame["label"].isin([0, 1]).all()),
            "texts": all(
                pd.api.types.infer_dtype(frame[name], skipna=False) in ("string", "empty")
                for name in ("query", "document", "script")
            ),
            "cosine": bool(((np.abs(cosines) <= 1) | np.isnan(cosines)).all()),
        }
    )


def _check_arrays(
    queries: np.ndarray, documents: np.ndarray, rows: Sequence[np.ndarray], number: int
) -> None:
    _demand(
        {
            "vectors": queries.ndim == documents.ndim == 2
            and queries.dtype == documents.dtype == np.float32
            and queries.shape[1] == documents.shape[1]
            and bool(np.isfinite(queries).all() and np.isfinite(documents).all()),
            "rows": all(
                row.shape == (number,) and row.dtype.kind == "i" and _within(row, len(vectors))
                for row, vectors in zip(rows, (queries, documents), strict=True)
            ),
        }
    )


def _demand(fits: Mapping[str, bool]) -> None:
    for name, good in fits.items():
        if not good:
            raise ValueError(f"what it says of {name} does not fit")


def _within(rows: np.ndarray, number: int) -> bool:
    return not len(rows) or bool(rows.min() >= 0 and rows.max() < number)
