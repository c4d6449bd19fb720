"""A finished training, measured and written as a model folder."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from dssm_core import evaluation
from dssm_core.card import measure, write_card
from dssm_core.card.examples import pick_examples, score_towers
from dssm_core.folder import FORMAT, ModelFolder, write_folder
from dssm_core.models.compiled import CompiledTowers
from dssm_core.models.families import HASHED_LSTM, Config, family, lengths
from dssm_core.training.config import TrainingConfig
from dssm_core.training.trainer import Trainer

MANTISSA, FEW = 4, 1_000
"""Bits that a weight of a large matrix keeps; in one of up to FEW each counts, so they keep more.

Validation MRR@10 of a table of 30,000 rows of 192 at 11, 8, 6, 5, 4 bits: 0.8206, 0.8208, 0.8205,
0.8200, 0.8201, and its archive 15.9, 12.2, 10.2, 9.1 and 7.9 MB."""


def train(
    pairs: pd.DataFrame,
    out: Path,
    model: Config = HASHED_LSTM,
    training: TrainingConfig | None = None,
    notes: str = "",
    examples: Sequence[Mapping[str, Any]] = (),
    data: Path | None = None,
    name: str = "lstm",
    start: ModelFolder | None = None,
    log: Callable[[str], None] = print,
    on_epoch: Callable[[dict[str, float]], None] = lambda entry: None,
) -> None:
    """Train on pairs and write the model folder, whole or not at all.

    Args:
        pairs: as `read_pairs` returns them.
        out: the folder to write; one that is there is replaced at the very end.
        model: sizes of the model.
        training: choices of the run.
        notes: Markdown for the card: where the data comes from, its licence, known failures.
        examples: what the first screen shows, each with title, note, query and documents;
            without any, two are picked from the held-out pairs.
        data: prepared shards to train on; `pairs` are then for choosing and measuring only.
        name: family of the model.
        start: model whose weights to start from, of the same family and sizes.
        log: called with a line for people.
        on_epoch: called with each epoch's entry of the history.

    Raises:
        UserError: if the pairs are too few, or the loss is no longer a number.
    """
    training = training or TrainingConfig()
    out = out.resolve()  # "." has no name to put another folder in its place
    out.parent.mkdir(parents=True, exist_ok=True)
    state = out.parent / f".{out.name}.training.npz"
    trainer = Trainer(pairs, model, training, state, log, data, name, start, on_epoch)
    trainer.run()
    trainer.fit_gain()
    if model.head == "positive":  # a free head is there to be seen as training left it
        trainer.fit_head()
    round_weights(trainer.model)
    log("measuring on the held-out pairs")
    towers = trainer.towers()
    held_out = trainer.splits["test"]
    weight = evaluation.fit_weight(towers, trainer.splits["validation"])
    metrics = measure(towers, held_out, weight=weight)
    metrics["training"] = {
        "best epoch": trainer.progress.best + 1,
        "pairs": trainer.batches.pairs,
        "parameters": trainer.model.count_params(),
    }
    background = trainer.validate(towers).random_cosines(training.seed)
    config = _config(trainer, towers)
    stored = [
        {**example, "scores": score_towers(towers, example, background, out.name).to_dict()}
        for example in examples or pick_examples(towers, held_out)
    ]
    write_folder(
        out,
        {
            "model.keras": archive(trainer),
            "vocabulary.json": _json(trainer.vocabulary, indent=None),
            "config.json": _json(config),
            "metrics.json": _json(metrics),
            "history.csv": pd.DataFrame(trainer.progress.history).to_csv(index=False).encode(),
            "random_pairs.npy": _npy(background),
            "examples.jsonl": b"".join(_json(e, indent=None) + b"\n" for e in stored),
            "pairs.csv": held_out.to_csv(index=False).encode(),
            "README.md": write_card(out.name, config, metrics, notes, stored).encode(),
            "notes.md": notes.encode(),
        },
    )
    state.unlink(missing_ok=True)
    log(f"wrote {out}")


def _config(trainer: Trainer, towers: CompiledTowers) -> dict[str, Any]:
    """Return what config.json holds."""
    model = trainer.model_config
    query_length, document_length = lengths(model)
    return {
        "format": FORMAT,
        "family": trainer.name,
        "model": asdict(model),
        "head": {"scale": towers.scale, "bias": towers.bias},
        "text": {
            "rows": model.vocabulary,
            "query_length": query_length,
            "document_length": document_length,
            "pieces": model.pieces,
        },
        "training": asdict(trainer.config),
        "labels": {"0": "not relevant", "1": "relevant"},
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }


def round_weights(model: keras.Model) -> None:
    """Round weights to MANTISSA bits of fraction, so that their archive is a third of the size."""
    model.set_weights([_rounded(weights) for weights in model.get_weights()])


def _rounded(weights: np.ndarray) -> np.ndarray:
    fraction, exponent = np.frexp(weights)  # fraction in [0.5, 1)
    bits = MANTISSA if weights.size > FEW else 11  # 11: float16's
    result: np.ndarray = np.ldexp(np.round(np.ldexp(fraction, bits)), exponent - bits).astype(
        weights.dtype
    )
    return result


def archive(trainer: Trainer) -> bytes:
    """Return a run's model as a compressed .keras archive, which Keras reads like any other."""
    # Newly built, it has no optimizer, whose state is twice the model's size; with Keras's count
    # of layer names put back, the same weights make the same bytes.
    keras.utils.clear_session(free_memory=False)
    fresh = family(trainer.name).build(trainer.model_config)
    for new, trained in zip(fresh.variables, trainer.model.variables, strict=True):
        new.assign(trained)  # dropout's random state too
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        fresh.save(path)
        packed = io.BytesIO()
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name == "metadata.json":  # no time of day: same weights, same bytes
                    content = json.dumps({"keras_version": keras.__version__}).encode()
                target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)
    return packed.getvalue()


def _npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def _json(values: Any, indent: int | None = 2) -> bytes:
    return json.dumps(values, ensure_ascii=False, indent=indent, allow_nan=False).encode()
