"""A planned training, carried out, measured and written as a model folder."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from dssm_core import evaluation
from dssm_core.card import measure, write_card
from dssm_core.card.examples import pick_examples, score_towers
from dssm_core.families import family
from dssm_core.folder import FORMAT, write_folder
from dssm_core.models.compiled import CompiledTowers
from dssm_core.training.cluster import told_if_lost
from dssm_core.training.config import Plan
from dssm_core.training.trainer import Log, OnEpoch, Trainer
from dssm_core.workers import ALONE, Workers

MANTISSA, FEW = 4, 1_000
"""Bits that a weight of a large matrix keeps; in one of up to FEW each counts, so they keep more.

Validation MRR@10 of a table of 30,000 rows of 192 at 11, 8, 6, 5, 4 bits: 0.8206, 0.8208, 0.8205,
0.8200, 0.8201, and its archive 15.9, 12.2, 10.2, 9.1 and 7.9 MB."""


def train(
    plan: Plan,
    log: Log = print,
    on_epoch: OnEpoch = lambda entry: None,
    workers: Workers = ALONE,
) -> None:
    """Train as planned and write the model folder, whole or not at all.

    Args:
        plan: what to train, on what, and where to.
        log: called with a line for people.
        on_epoch: called with each epoch's entry of the history.
        workers: the processes that train together, each of which calls this; the first writes.

    Raises:
        UserError: if the pairs are too few, the loss is no longer a number, or a worker is gone.
    """
    plan = replace(plan, out=plan.out.resolve())  # "." has no name to put another folder there
    plan.out.parent.mkdir(parents=True, exist_ok=True)
    state = plan.out.parent / f".{plan.out.name}.training.npz"
    with told_if_lost(workers):
        trainer = Trainer.prepare(plan, state, log, on_epoch, workers)
        trainer.run()
        if workers.is_first:
            _finish(trainer, state, log)
        workers.wait()


def _finish(trainer: Trainer, state: Path, log: Log) -> None:
    """Fit what is fitted on validation pairs, measure, write the folder, forget the state."""
    plan = trainer.plan
    trainer.fit_gain()
    if plan.sizes.head == "positive":  # a free head is there to be seen as training left it
        trainer.fit_head()
    round_weights(trainer.model)
    write_folder(plan.out, _files(trainer, log))
    state.unlink(missing_ok=True)
    log(f"wrote {plan.out}")


def _files(trainer: Trainer, log: Log) -> dict[str, bytes]:
    """Return the files of a finished run's model folder, measured."""
    plan, towers = trainer.plan, trainer.towers()
    name, held_out = plan.out.name, trainer.splits["test"]
    metrics = _metrics(trainer, towers, log)
    background = trainer.validate(towers).random_cosines(plan.training.seed)
    config = _config(trainer, towers)
    examples = [
        {**example, "scores": score_towers(towers, example, background, name).to_dict()}
        for example in plan.examples or pick_examples(towers, held_out)
    ]
    return {
        "model.keras": archive(trainer),
        "vocabulary.json": _json(trainer.vocabulary, indent=None),
        "config.json": _json(config),
        "metrics.json": _json(metrics),
        "history.csv": pd.DataFrame(trainer.progress.history).to_csv(index=False).encode(),
        "random_pairs.npy": _npy(background),
        "examples.jsonl": b"".join(_json(e, indent=None) + b"\n" for e in examples),
        "pairs.csv": held_out.to_csv(index=False).encode(),
        "README.md": write_card(name, config, metrics, plan.notes, examples).encode(),
        "notes.md": plan.notes.encode(),
    }


def _metrics(trainer: Trainer, towers: CompiledTowers, log: Log) -> dict[str, Any]:
    """Return what metrics.json holds."""
    log("fitting the weight beside BM25 on the validation pairs")
    weight = evaluation.fit_weight(towers, trainer.splits["validation"])
    metrics = measure(towers, trainer.splits["test"], weight=weight, log=log)
    metrics["training"] = {
        "best epoch": trainer.progress.best + 1,
        "pairs": trainer.batches.pairs,
        "parameters": trainer.model.count_params(),
    }
    return metrics


def _config(trainer: Trainer, towers: CompiledTowers) -> dict[str, Any]:
    """Return what config.json holds."""
    sizes, teacher = trainer.plan.sizes, trainer.plan.teacher
    return {
        "format": FORMAT,
        "family": trainer.plan.family,
        "model": asdict(sizes),
        "head": {"scale": towers.scale, "bias": towers.bias},
        "text": {
            "rows": sizes.vocabulary,
            "query_length": sizes.query_length,
            "document_length": sizes.document_length,
            "pieces": sizes.pieces,
        },
        "training": asdict(trainer.plan.training),
        **({"teacher": teacher.said} if teacher else {}),
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
    fresh = family(trainer.plan.family).build(trainer.plan.sizes)
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
