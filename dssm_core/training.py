"""Fit a two-tower model on pairs, choose its epoch on validation, fit its head, write its folder.

The loop is our own rather than `fit`, because the retrieval loss sees a whole batch at once:
every other document of the batch is a negative. Shape letters: N rows, T tokens, P pieces.
"""

from __future__ import annotations

import io
import json
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from dssm_core import evaluation
from dssm_core.batches import PairBatches, ShardBatches
from dssm_core.card import write_card
from dssm_core.corpus.pairs import split_pairs
from dssm_core.errors import UserError
from dssm_core.examples import pick_examples, score_towers
from dssm_core.folder import FORMAT, ModelFolder, write_folder
from dssm_core.models.compiled import CompiledTowers
from dssm_core.models.families import HASHED_LSTM, Config, family, lengths
from dssm_core.models.losses import compile_step
from dssm_core.text import PIECES, UNSEEN

Loss = Literal["retrieval", "sampled", "binary"]


@dataclass(frozen=True)
class TrainingConfig:
    """Every choice of a training run.

    Attributes:
        loss: "retrieval", in-batch softmax in both directions; "sampled", softmax against the
            prepared negatives of --data alone, as the DSSM paper has it; "binary", the notebook's
            cross-entropy on the head, each query against its document and `negatives` others.
        epochs: at most this many passes over the training pairs.
        batch: pairs a step.
        learning_rate: at its peak; falls to 0 by a cosine.
        unseen: share of the words of a batch whose own row is replaced by the one for words
            never seen, so that the model learns to read words by their letters alone.
        spans: so many extra pairs to each document: a span of its words against the rest of it.
        sharpness: the retrieval loss multiplies cosines by this.
        negatives: for the binary loss, other documents of the batch to each query.
        patience: stop after so many epochs without a better validation MRR@10.
        first_scale: w of the head at the start; as its initializer draws it without.
        seed: of weights, order and dropout.
    """

    loss: Loss = "retrieval"
    epochs: int = 5
    batch: int = 512
    learning_rate: float = 3e-3
    unseen: float = 0.1
    spans: float = 1.0
    sharpness: float = 20.0
    negatives: int = 10
    patience: int = 2
    first_scale: float | None = None
    seed: int = 7

    def __post_init__(self) -> None:
        if self.loss not in get_args(Loss):
            raise ValueError(f"loss must be one of {', '.join(get_args(Loss))}, not {self.loss!r}")
        for name in ("epochs", "batch", "negatives", "patience", "seed"):
            least = {"batch": 2, "patience": 0, "seed": 0}.get(name, 1)
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be a whole number from {least}, not {value!r}")
        for name, low, high in (
            ("learning_rate", 1e-9, 1.0),
            ("unseen", 0.0, 1.0),
            ("spans", 0.0, 100.0),
            ("sharpness", 1e-3, 1e3),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(
                    f"{name} must be in [{low:g}, {high:g}], not {getattr(self, name)}"
                )


@dataclass
class Progress:
    """Where a training stands: what a resumed one needs besides the weights.

    Attributes:
        history: one dict an epoch: epoch, loss, validation MRR@10, AUC of the probability on
            validation pairs, the head's scale and bias, seconds.
        best: the epoch with the best validation MRR@10, -1 before the first.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best: int = -1

    def is_over(self, config: TrainingConfig) -> bool:
        """Whether all epochs are done, or `patience` of them brought nothing better."""
        done = len(self.history)
        return done >= config.epochs or done - 1 - self.best >= config.patience > 0


class Trainer:
    """One training run: its data, model and progress, resumable after a kill.

    Args:
        pairs: columns query, document, label, and optionally split; of the training rows only
            those labelled 1 are used, because the batch provides the negatives.
        model: sizes of the model.
        training: choices of the run.
        state: file that holds the run between epochs; resumed from if it fits, else ignored.
        say: called with a line for people after each epoch and every few seconds.
        data: prepared shards to train on, streamed, in place of the pairs' training rows.
        name: family of the model.
        start: model whose weights to start from, of the same family and sizes.
        on_epoch: called with each epoch's entry of the history.

    Raises:
        UserError: if a split has fewer than 2 relevant pairs, or words cannot be hashed into
            the model's sizes.
    """

    def __init__(
        self,
        pairs: pd.DataFrame,
        model: Config,
        training: TrainingConfig,
        state: Path,
        say: Callable[[str], None] = print,
        data: Path | None = None,
        name: str = "lstm",
        start: ModelFolder | None = None,
        on_epoch: Callable[[dict[str, float]], None] = lambda entry: None,
    ) -> None:
        self.splits = split_pairs(pairs, training.seed)
        self.train = self.splits["train"].query("label == 1")
        for split, part in self.splits.items():
            relevant = int((part["label"] == 1).sum())
            if relevant < 2 and (split != "train" or data is None):
                raise UserError(
                    f"There are too few relevant pairs in the split {split}",
                    str(relevant),
                    "Give at least 20 pairs, whose texts are not all shared.",
                )
        if training.loss == "sampled" and data is None:
            raise UserError(
                'The loss "sampled" needs prepared negatives',
                hint="Add --data DIR, as `prepare PAIRS --negatives 10 --out DIR` writes it.",
            )
        if model.pieces != PIECES or model.vocabulary < 3:
            raise UserError(
                f"Words are hashed into {PIECES} pieces, and a vocabulary of at least 3 rows",
                f"pieces {model.pieces}, vocabulary {model.vocabulary}",
                "Change them in the --config.",
            )
        keras.utils.set_random_seed(training.seed)
        self.model_config, self.config, self.state, self.say = model, training, state, say
        read = lengths(model)
        self.batches = (
            PairBatches(self.train, model.vocabulary, *read, spans=training.spans)
            if data is None
            else ShardBatches(data, model.vocabulary, *read, negatives=training.negatives)
        )
        self.vocabulary = self.batches.vocabulary
        self.name, self.on_epoch = name, on_epoch
        self.model = family(name).build(model)
        if start is not None:
            self._start_from(start)
        if training.first_scale is not None:
            _set_head(self.model, training.first_scale, 0.0)
        steps = -(-self.batches.pairs // training.batch) * training.epochs
        schedule = keras.optimizers.schedules.CosineDecay(
            training.learning_rate / 50,
            steps,
            warmup_target=training.learning_rate,
            warmup_steps=min(100, steps // 10),
        )
        self.model.compile(optimizer=keras.optimizers.Adam(schedule, clipnorm=1.0))
        self.model.optimizer.build(self.model.trainable_variables)
        self.step = compile_step(
            self.model,
            training.loss,
            sharpness=training.sharpness,
            negatives=training.negatives if data is None else 0,
        )
        self.best_weights = self.model.get_weights()
        self.progress = Progress()
        self._resume()

    def run(self) -> None:
        """Train until it is over, then put back the weights of the best epoch."""
        while not self.progress.is_over(self.config):
            epoch, started = len(self.progress.history), time.monotonic()
            loss = self._epoch(epoch)
            towers = self.towers()
            rank = self.validate(towers)
            entry = {"epoch": epoch + 1, "loss": loss, "validation MRR@10": rank}
            entry |= {"AUC": self.auc(towers), "scale": towers.scale, "bias": towers.bias}
            self.progress.history.append({**entry, "seconds": time.monotonic() - started})
            scores = [row["validation MRR@10"] for row in self.progress.history]
            if int(np.argmax(scores)) == epoch:
                self.progress.best, self.best_weights = epoch, self.model.get_weights()
            self._keep()
            self.on_epoch(self.progress.history[-1])
            self.say(
                f"epoch {epoch + 1}/{self.config.epochs}: loss {loss:.4f}, validation MRR@10 "
                f"{rank:.4f}, {self.progress.history[-1]['seconds']:.0f} s"
            )
        self.model.set_weights(self.best_weights)

    def towers(self) -> CompiledTowers:
        """Return the model as it now stands."""
        config = self.model_config
        return CompiledTowers(self.model, self.vocabulary, config.vocabulary, *lengths(config))

    def validate(self, towers: CompiledTowers | None = None) -> float:
        """Return MRR@10 on the validation pairs, each query against all their documents."""
        collection = evaluation.Collection.of(self.splits["validation"])
        vectors, readable = _vectors(towers or self.towers(), collection)
        rows = evaluation.cosine_rows(*vectors, readable)
        return float(evaluation.evaluate_run(collection, rows)["MRR@10"].mean())

    def auc(self, towers: CompiledTowers) -> float:
        """Return the AUC of the probability on validation pairs, 1 relevant to 10 sampled."""
        collection = evaluation.Collection.of(self.splits["validation"])
        vectors, _ = _vectors(towers, collection)
        cosines, labels = evaluation.pair_cosines(collection, *vectors, seed=self.config.seed)
        return evaluation.auc(towers.scale * cosines, labels)

    def fit_head(self) -> None:
        """Fit w >= 0 and b on validation pairs, 1 relevant to 10 sampled: probabilities then hold.

        Platt scaling of the cosine; towers and ranks stay as they are.

        Source: Platt 1999, "Probabilistic outputs for support vector machines".
        """
        from scipy.optimize import minimize

        collection = evaluation.Collection.of(self.splits["validation"])
        vectors, _ = _vectors(self.towers(), collection)
        cosines, labels = evaluation.pair_cosines(collection, *vectors, seed=self.config.seed)

        def loss(head: np.ndarray) -> float:
            logits = head[0] * cosines + head[1]
            return float(np.mean(np.logaddexp(0, logits) - labels * logits))

        found = minimize(loss, [5.0, -2.0], bounds=[(0, None), (None, None)], method="L-BFGS-B")
        _set_head(self.model, *found.x)

    def random_pairs(self, number: int = 5000) -> np.ndarray:
        """Return cosines of random validation queries and documents, sorted, float32 [number]."""
        collection = evaluation.Collection.of(self.splits["validation"])
        (queries, documents), _ = _vectors(self.towers(), collection)
        rng = np.random.default_rng(self.config.seed)
        one = queries[rng.integers(len(queries), size=number)]
        other = documents[rng.integers(len(documents), size=number)]
        norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        return np.sort((one * other).sum(1) / np.where(norms > 0, norms, 1)).astype(np.float32)

    def _start_from(self, start: ModelFolder) -> None:
        model = keras.saving.load_model(start.path / "model.keras", compile=False, safe_mode=True)
        shapes = [[w.shape for w in m.get_weights()] for m in (model, self.model)]
        if shapes[0] != shapes[1]:
            raise UserError(
                f"{start.name} has other sizes than this model", hint="Give it the same --config."
            )
        self.model.set_weights(model.get_weights())

    def _epoch(self, epoch: int) -> float:
        rng = np.random.default_rng([self.config.seed, epoch])
        losses, spoken = [], time.monotonic()
        total = -(-self.batches.pairs // self.config.batch)
        for batch in self.batches.epoch(epoch, self.config.batch, rng):
            for side in (batch.query, batch.document, batch.negatives):
                drop = (rng.random(side.shape[:2]) < self.config.unseen) & (side[..., 0] != 0)
                side[drop, 0] = UNSEEN
            losses.append(float(self.step(*batch)))
            if time.monotonic() - spoken > 10:
                spoken = time.monotonic()
                self.say(f"  step {len(losses)}/{total}: loss {np.mean(losses[-50:]):.4f}")
        if not np.isfinite(losses).all():
            raise UserError("The loss is no longer a number", hint="Lower the learning_rate.")
        return float(np.mean(losses))

    def _fingerprint(self) -> str:
        run = [self.name, asdict(self.model_config), asdict(self.config), self.batches.fingerprint]
        return json.dumps(run)

    def _keep(self) -> None:
        """Write the run to its state file, whole or not at all."""
        state = {f"now {i}": v.numpy() for i, v in enumerate(self._variables())}
        state |= {f"best {i}": w for i, w in enumerate(self.best_weights)}
        progress = json.dumps({"run": self._fingerprint(), **asdict(self.progress)})
        fresh = self.state.with_suffix(".new")
        with fresh.open("wb") as file:
            np.savez(file, progress=np.array(progress), **state)
        fresh.replace(self.state)

    def _resume(self) -> None:
        if not self.state.exists():
            return
        try:
            with self.state.open("rb") as file:
                state = dict(np.load(file, allow_pickle=False))
            progress = json.loads(str(state["progress"]))
            fits = progress.pop("run") == self._fingerprint()
        except Exception:  # NumPy's and zipfile's parsers raise whatever damage leads to
            fits = False
        if not fits:
            self.say(f"{self.state} is damaged or of another run: starting afresh")
            return
        for i, variable in enumerate(self._variables()):
            variable.assign(state[f"now {i}"])
        self.best_weights = [state[f"best {i}"] for i in range(len(self.best_weights))]
        self.progress = Progress(**progress)
        self.say(f"resumed after epoch {len(self.progress.history)}")

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]


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
    say: Callable[[str], None] = print,
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
        say: called with a line for people.
        on_epoch: called with each epoch's entry of the history.

    Raises:
        UserError: if the pairs are too few, or the loss is no longer a number.
    """
    training = training or TrainingConfig()
    out = out.resolve()  # "." has no name to put another folder in its place
    out.parent.mkdir(parents=True, exist_ok=True)
    state = out.parent / f".{out.name}.training.npz"
    trainer = Trainer(pairs, model, training, state, say, data, name, start, on_epoch)
    trainer.run()
    if model.head == "positive":  # a free head is there to be seen as training left it
        trainer.fit_head()
    _to_float16(trainer.model)
    say("measuring on the held-out pairs")
    towers = trainer.towers()
    held_out = trainer.splits["test"]
    metrics = evaluation.evaluate_towers(towers, held_out)
    metrics["training"] = {
        "best epoch": trainer.progress.best + 1,
        "pairs": trainer.batches.pairs,
        "parameters": trainer.model.count_params(),
    }
    background = trainer.random_pairs()
    config = {
        "format": FORMAT,
        "family": name,
        "model": asdict(model),
        "head": {"scale": towers.scale, "bias": towers.bias},
        "text": {
            "rows": model.vocabulary,
            "query_length": lengths(model)[0],
            "document_length": lengths(model)[1],
        },
        "training": asdict(training),
        "labels": {"0": "not relevant", "1": "relevant"},
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }
    stored = [
        {**example, "scores": score_towers(towers, example, background, out.name).to_dict()}
        for example in examples or pick_examples(towers, held_out)
    ]
    write_folder(
        out,
        {
            "model.keras": _archive(trainer),
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
    say(f"wrote {out}")


def _to_float16(model: keras.Model) -> None:
    """Round weights to what float16 can hold, so that their archive is half the size."""
    model.set_weights([w.astype(np.float16).astype(w.dtype) for w in model.get_weights()])


def _set_head(model: keras.Model, scale: float, bias: float) -> None:
    kernel, offset = np.array([[scale]], np.float32), np.array([bias], np.float32)
    model.get_layer("out").set_weights([kernel, offset])


def _archive(trainer: Trainer) -> bytes:
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


def _vectors(
    towers: CompiledTowers, collection: evaluation.Collection
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    queries = towers.encode(collection.queries, "query")
    documents = towers.encode(collection.documents, "document")
    vectors = np.stack([q.vector for q in queries]), np.stack([d.vector for d in documents])
    return vectors, np.array([d.is_readable for d in documents])
