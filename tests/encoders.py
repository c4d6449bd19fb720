"""A small encoder of other people: a static embedding of a few words, as model2vec writes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tokenizers
from safetensors.numpy import save_file

from dssm_core.errors import UserError
from dssm_core.words import LANGUAGES, translator_for

WORDS = [f"{kind}{number}" for kind in ("red", "blue", "green") for number in range(40)]


def digits_of(word: str) -> int | None:
    """Return the number in a word, if there is one."""
    digits = "".join(c for c in word if c.isdigit())
    return int(digits) if digits else None


def static_folder(
    path: Path,
    width: int = 16,
    seed: int = 0,
    words: list[str] = WORDS,
    number_of: Callable[[str], int | None] = digits_of,
) -> Path:
    """Write a model2vec folder; words with the same number are near each other."""
    path.mkdir(parents=True, exist_ok=True)
    vocabulary = {"[UNK]": 0, "find": 1, ":": 2} | {w: i for i, w in enumerate(words, 3)}
    model = tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(path / "tokenizer.json"))
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(40, width))
    rows = rng.normal(size=(len(vocabulary), width)) * 0.4
    for word, row in vocabulary.items():
        number = number_of(word)
        if number is not None:
            rows[row] += shared[number % 40]
    save_file({"embeddings": rows.astype(np.float32)}, path / "model.safetensors")
    config = {"model_type": "model2vec", "normalize": True}
    (path / "config.json").write_text(json.dumps(config))
    return path


def labelled_pairs(queries: int = 120, seed: int = 0) -> pd.DataFrame:
    """Return pairs whose texts share two numbers, all relevant."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(queries):
        one, other = rng.choice(40, 2, replace=False)
        rows.append((f"red{one} blue{other}", f"green{one} red{other} blue{one}", 1))
    frame = pd.DataFrame(rows, columns=["query", "document", "label"])
    return frame.drop_duplicates("query").reset_index(drop=True)


def refusal(work: Callable[[], object]) -> UserError:
    """Return the error of a person that some work ends in; it can be said in every language."""
    with pytest.raises(UserError) as caught:
        work()
    for language in LANGUAGES:
        assert "\n" not in caught.value.text(translator_for(language))
    return caught.value
