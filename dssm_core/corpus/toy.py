"""Toy corpora: the notebook's two pairs, with what `train` needs, and an invented language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.files import write_whole


def notebook_toy() -> pd.DataFrame:
    """Return the notebook's two pairs: ids 1 to 4 as text, with columns query, document, label.

    Source: docs/notebook.md, "Toy data".
    """
    return pd.DataFrame(
        {
            "query": ["1 2 3 4", "2 3 4 1"],
            "document": ["2 1 3 4", "3 4 1 2"],
            "label": [1, 0],
        }
    )


def invented_pairs() -> pd.DataFrame:
    """Return 256 pairs that a small model learns in seconds: columns query, document, label.

    A query is an English adjective and noun; its document says them in an invented language, the
    noun first, so that no word is shared and only training tells which belong together.
    """
    adjectives = "red blue old new big small fast slow warm cold dark light soft hard wet dry"
    nouns = (
        "house boat chair apple horse river tower garden "
        "lamp coat bridge window bread clock letter stone"
    )
    rng = np.random.default_rng(1)
    words = [*adjectives.split(), *nouns.split()]
    syllables = [consonant + vowel for consonant in "bdgklmnprstvz" for vowel in "aeiou"]
    said = {word: "".join(rng.choice(syllables, 3)) for word in words}
    pairs = [(f"{a} {n}", f"{said[n]} {said[a]}", 1) for a in words[:16] for n in words[16:]]
    return pd.DataFrame(pairs, columns=["query", "document", "label"])


CONFIG: dict[str, dict[str, Any]] = {
    "model": {
        "query_length": 4,
        "document_length": 4,
        "vocabulary": 100,
        "embedding": 128,
        "units": 32,
        "vector": 256,
        "pieces": 0,
        "head": "free",
    },
    "training": {
        "loss": "labelled",
        "epochs": 1,
        "batch": 2,
        "spans": 0,
        "first_scale": 0.29,
        "measured_on": "training pairs",
    },
}
"""The notebook's sizes; plain ids; one epoch; the w of its printed result."""

EXAMPLE = {
    "title": "The notebook's two pairs",
    "note": "The texts are word ids, 1 to 4. The first document is the relevant one. The head "
    "starts at w = 0.29, which the notebook's printed result implies, so every probability is near "
    "0.5.",
    "query": "1 2 3 4",
    "documents": ["2 1 3 4", "3 4 1 2", "1 2 3 4"],
}

COMMAND = (
    "python -m dssm_core train --family lstm-subclass --pairs {0}/pairs.csv "
    "--config {0}/config.json --examples {0}/examples.jsonl --notes {0}/notes.md "
    "--out sample_models/notebook-toy"
)
NOTES = f"""The notebook's own model on the notebook's own data: `LSTMModel`
(docs/notebook.md row 6) reading plain word ids, fitted on two pairs. **Its figures are
measured on the two training pairs**, so they show only what it memorised. It reads no words
other than 1, 2, 3 and 4. These commands build it:

    python -m dssm_core prepare notebook-toy --out build/toy
    {COMMAND.format("build/toy")}

**Known failures.** Everything except these two pairs.
"""


def prepare_notebook_toy(out: Path) -> list[str]:
    """Write pairs.csv, config.json, examples.jsonl and notes.md.

    Args:
        out: folder to write into.

    Returns:
        Lines for people: what was written, and the command that trains on it.

    Source: docs/notebook.md, "Toy data".
    """
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "pairs.csv": notebook_toy().to_csv(index=False),
        "config.json": json.dumps(CONFIG, indent=2) + "\n",
        "examples.jsonl": json.dumps(EXAMPLE) + "\n",
        "notes.md": NOTES,
    }
    for name, text in files.items():
        write_whole(out / name, text.encode())
    return [
        f"wrote {out / ', '.join(files)}",
        f"train it: {COMMAND.format(out)}",
    ]
