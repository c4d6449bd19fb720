"""One training run: its data, model and progress, resumable after a kill.

The loop is our own rather than `fit`, because the retrieval loss sees a whole batch at once:
every other document of the batch is a negative. Shape letters: N rows, T tokens, P pieces.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from dssm_core.corpus.splitting import fold, split_pairs
from dssm_core.errors import UserError
from dssm_core.folder import ModelFolder
from dssm_core.models.compiled import CompiledTowers
from dssm_core.models.families import Config, cut_towers, family, lengths
from dssm_core.models.losses import compile_step
from dssm_core.models.lstm import LSTMConfig, LSTMModel
from dssm_core.runtimes.load import load_towers
from dssm_core.text import PIECES, UNSEEN
from dssm_core.training.batches import PairBatches, ShardBatches, rarity
from dssm_core.training.config import PREPARED, TrainingConfig
from dssm_core.training.validation import Validation, best_gain, fit_head


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
            those labelled 1 are used, because the batch provides the negatives, save by the
            loss "labelled".
        model: sizes of the model.
        training: choices of the run.
        state: file that holds the run between epochs; resumed from if it fits, else ignored.
        log: called with a line for people after each epoch and every few seconds.
        data: prepared shards to train on, streamed, in place of the pairs' training rows.
        name: family of the model.
        start: model whose weights to start from, of the same family and sizes.
        on_epoch: called with each epoch's entry of the history.

    Raises:
        UserError: if there are too few pairs, words cannot be read into the model's sizes, or
            the loss does not fit model or data.
    """

    def __init__(
        self,
        pairs: pd.DataFrame,
        model: Config,
        training: TrainingConfig,
        state: Path,
        log: Callable[[str], None] = print,
        data: Path | None = None,
        name: str = "lstm",
        start: ModelFolder | None = None,
        on_epoch: Callable[[dict[str, float]], None] = lambda entry: None,
    ) -> None:
        _check_sizes(model)
        _check_loss(training, data is not None)
        self.splits = _split(pairs, training, data is not None)
        self.train = self.splits["train"]
        if training.loss != "labelled":
            self.train = self.train.query("label == 1")
        keras.utils.set_random_seed(training.seed)
        self.model_config, self.config, self.state, self.log = model, training, state, log
        read = model.vocabulary, *lengths(model)
        self.batches = (
            PairBatches(self.train, *read, training.spans, model.pieces)
            if data is None
            else ShardBatches(data, *read, training.negatives, model.pieces, self._held_out())
        )
        self.vocabulary = self.batches.vocabulary
        self.name, self.on_epoch, self.has_start = name, on_epoch, start is not None
        self.model = family(name).build(model)
        if isinstance(model, LSTMConfig) and model.lexical:
            weights = self.model.get_layer("lexical").log_weight
            weights.assign(rarity(self.vocabulary, model.vocabulary))  # as BM25 begins
        if training.loss == "softmax" and isinstance(self.model, LSTMModel):
            raise UserError("train.softmax family", name)
        if start is not None:
            self._start_from(start)
        if training.first_scale is not None:
            self.set_head(training.first_scale, 0.0)
        self._towers = CompiledTowers(self.model, self.vocabulary, *read, model.pieces)
        self._compile()
        self.best_weights = self.model.get_weights()
        self.sum_of_weights = [w * self.has_start for w in self.best_weights]
        self.progress = Progress()
        self._resume()

    def run(self) -> None:
        """Train until it is over, then put back the best epoch's weights, or the mean of all."""
        while not self.progress.is_over(self.config):
            epoch, started = len(self.progress.history), time.monotonic()
            loss = self._epoch(epoch)
            towers = self.towers()
            found = self.validate(towers)
            entry = {"epoch": epoch + 1, "loss": loss, "validation MRR@10": found.rank()}
            entry |= {"AUC": found.auc(towers.scale, self.config.seed)}
            entry |= {"scale": towers.scale, "bias": towers.bias}
            self.progress.history.append({**entry, "seconds": time.monotonic() - started})
            scores = [row["validation MRR@10"] for row in self.progress.history]
            weights = self.model.get_weights()
            self.sum_of_weights = [a + b for a, b in zip(self.sum_of_weights, weights, strict=True)]
            if int(np.argmax(scores)) == epoch:
                self.progress.best, self.best_weights = epoch, weights
            self._keep()
            self.on_epoch(self.progress.history[-1])
            self.log(
                f"epoch {epoch + 1}/{self.config.epochs}: loss {loss:.4f}, validation MRR@10 "
                f"{scores[-1]:.4f}, {self.progress.history[-1]['seconds']:.0f} s"
            )
        if self.config.average:
            number = len(self.progress.history) + self.has_start
            self.model.set_weights([total / number for total in self.sum_of_weights])
        else:
            self.model.set_weights(self.best_weights)

    def towers(self) -> CompiledTowers:
        """Return the model as it now stands."""
        self._towers.read_head()
        return self._towers

    def validate(self, towers: CompiledTowers | None = None) -> Validation:
        """Return the validation pairs as the model now encodes them."""
        return Validation.of(towers or self.towers(), self.splits["validation"])

    def fit_head(self) -> None:
        """Fit w >= 0 and b on validation pairs, 1 relevant to 10 sampled: probabilities then hold.

        Towers and ranks stay as they are.
        """
        self.set_head(*fit_head(*self.validate().pair_cosines(self.config.seed)))

    def fit_gain(self) -> None:
        """Weigh the vector's lexical part for the best MRR@10 on validation; without it, nothing.

        Training weighs it for a batch, where there are fewer documents to be told apart.
        """
        if len(parts := cut_towers(self.model)["query"].parts) == 1:
            return
        gain, rank = best_gain(self.validate(), parts[0])
        log_gain = self.model.get_layer("beside").log_gain
        log_gain.assign_add(np.log(gain))
        self.log(f"lexical part times {gain:g}: validation MRR@10 {rank:.4f}")

    def set_head(self, scale: float, bias: float) -> None:
        """Put w and b into the head."""
        kernel, offset = np.array([[scale]], np.float32), np.array([bias], np.float32)
        self.model.get_layer("out").set_weights([kernel, offset])

    def _held_out(self) -> frozenset[str]:
        """Return the texts of the held-out pairs, which a file without splits has in its shards."""
        if self.config.measured_on == "training pairs" or "split" in self.train:
            return frozenset()
        parts = (self.splits[split] for split in ("validation", "test"))
        relevant = (part[part["label"] == 1] for part in parts)
        return frozenset(
            fold(text) for part in relevant for side in ("query", "document") for text in part[side]
        )

    def _compile(self) -> None:
        training = self.config
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
            negatives=self.batches.negatives or training.negatives,
            in_batch=0 if self.batches.negatives else training.negatives,
        )

    def _start_from(self, start: ModelFolder) -> None:
        load_towers(start, "keras")  # refuses what is no model of ours
        model = keras.saving.load_model(start.path / "model.keras", compile=False, safe_mode=True)
        shapes = [[w.shape for w in m.get_weights()] for m in (model, self.model)]
        if shapes[0] != shapes[1]:
            raise UserError("train.other sizes", name=start.name)
        self.model.set_weights(model.get_weights())

    def _epoch(self, epoch: int) -> float:
        rng = np.random.default_rng([self.config.seed, epoch])
        losses, spoken = [], time.monotonic()
        total = -(-self.batches.pairs // self.config.batch)
        for batch in self.batches.epoch(epoch, self.config.batch, rng):
            if self.model_config.pieces:
                for side in (batch.query, batch.document, batch.negatives):
                    drop = (rng.random(side.shape[:2]) < self.config.unseen) & (side[..., 0] != 0)
                    side[drop, 0] = UNSEEN
            losses.append(float(self.step(*batch)))
            if time.monotonic() - spoken > 10:
                spoken = time.monotonic()
                self.log(f"  step {len(losses)}/{total}: loss {np.mean(losses[-50:]):.4f}")
        if not np.isfinite(losses).all():
            raise UserError("train.loss not a number")
        return float(np.mean(losses))

    def _fingerprint(self) -> str:
        run = [self.name, asdict(self.model_config), asdict(self.config), self.batches.fingerprint]
        return json.dumps(run)

    def _keep(self) -> None:
        """Write the run to its state file, whole or not at all."""
        state = {f"now {i}": v.numpy() for i, v in enumerate(self._variables())}
        state |= {f"best {i}": w for i, w in enumerate(self.best_weights)}
        state |= {f"sum {i}": w for i, w in enumerate(self.sum_of_weights)}
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
            self.log(f"{self.state} is damaged or of another run: starting afresh")
            return
        for i, variable in enumerate(self._variables()):
            variable.assign(state[f"now {i}"])
        number = range(len(self.best_weights))
        self.best_weights = [state[f"best {i}"] for i in number]
        self.sum_of_weights = [state[f"sum {i}"] for i in number]
        self.progress = Progress(**progress)
        self.log(f"resumed after epoch {len(self.progress.history)}")

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]


def _check_sizes(model: Config) -> None:
    """Refuse sizes into which words cannot be read."""
    if model.pieces == PIECES and model.vocabulary >= 3:
        return
    if model.pieces == 0 and isinstance(model, LSTMConfig):
        return
    raise UserError(
        "train.wrong pieces", f"pieces {model.pieces}, vocabulary {model.vocabulary}", pieces=PIECES
    )


def _check_loss(training: TrainingConfig, has_data: bool) -> None:
    """Refuse a loss that the data is not made for."""
    if training.loss in PREPARED and not has_data:
        raise UserError("train.no prepared negatives", loss=training.loss)
    if training.loss == "labelled" and has_data:
        raise UserError("train.labelled with data")


def _split(
    pairs: pd.DataFrame, training: TrainingConfig, has_data: bool
) -> dict[str, pd.DataFrame]:
    """Return the pairs of each split, enough of them to train and to measure on."""
    is_held_out = training.measured_on == "held out"
    splits = (
        split_pairs(pairs, training.seed)
        if is_held_out
        else dict.fromkeys(("train", "validation", "test"), pairs)
    )
    for split, part in splits.items():
        usable = int((part["label"] == 1).sum())
        least = 2 if is_held_out or split == "train" else 1
        if split == "train":
            if has_data:
                continue
            if training.loss == "labelled":
                usable = len(part)
        if usable < least:
            raise UserError("train.too few pairs", str(usable), split=split)
    return splits
