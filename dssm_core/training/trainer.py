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

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from dssm_core import evaluation
from dssm_core.corpus.splitting import fold, split_pairs
from dssm_core.errors import UserError
from dssm_core.families import Config, family
from dssm_core.files import whole_file
from dssm_core.folder import ModelFolder
from dssm_core.models.compiled import CompiledTowers
from dssm_core.models.losses import compile_step
from dssm_core.models.tower import cut_towers
from dssm_core.runtimes.load import load_towers
from dssm_core.text import PIECES, UNSEEN
from dssm_core.training.batches import Batches, PairBatches, ShardBatches, rarity
from dssm_core.training.config import PREPARED, Plan, TrainingConfig
from dssm_core.training.validation import Validation, best_gain


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


Log = Callable[[str], None]
OnEpoch = Callable[[dict[str, float]], None]


class Trainer:
    """One training run: its data, model and progress, resumable after a kill.

    Args:
        plan: what to train, and on what.
        splits: the pairs of each split.
        batches: what the steps learn from.
        model: built, with the weights that it starts from.
        state: file that holds the run between epochs.
        log: called with a line for people after each epoch and every few seconds.
        on_epoch: called with each epoch's entry of the history.
    """

    def __init__(
        self,
        plan: Plan,
        splits: dict[str, pd.DataFrame],
        batches: Batches,
        model: keras.Model,
        state: Path,
        log: Log,
        on_epoch: OnEpoch,
    ) -> None:
        self.plan, self.config, self.model_config = plan, plan.training, plan.sizes
        self.splits, self.batches, self.vocabulary = splits, batches, batches.vocabulary
        self.model, self.state, self.log, self.on_epoch = model, state, log, on_epoch
        self._towers = CompiledTowers(
            model, self.vocabulary, *_text_sizes(plan.sizes), plan.sizes.pieces
        )
        self.step = self._compile()
        self.best_weights = model.get_weights()
        self.sum_of_weights = [w * (plan.start is not None) for w in self.best_weights]
        self.progress = Progress()

    @classmethod
    def prepare(
        cls,
        plan: Plan,
        state: Path,
        log: Log = print,
        on_epoch: OnEpoch = lambda entry: None,
    ) -> Trainer:
        """Return a run that is ready to go on from its state file, or to start.

        Args:
            plan: what to train, and on what.
            state: file that holds the run between epochs; resumed from if it fits, else ignored.
            log: called with a line for people after each epoch and every few seconds.
            on_epoch: called with each epoch's entry of the history.

        Raises:
            UserError: if there are too few pairs, words cannot be read into the model's sizes, or
                the loss does not fit model or data.
        """
        _check_sizes(plan)
        _check_loss(plan)
        splits = _split(plan)
        keras.utils.set_random_seed(plan.training.seed)
        batches = _batches(plan, splits)
        model = _build(plan, batches.vocabulary)
        trainer = cls(plan, splits, batches, model, state, log, on_epoch)
        trainer._resume()
        return trainer

    def run(self) -> None:
        """Train until it is over, then put back the best epoch's weights, or the mean of all."""
        while not self.progress.is_over(self.config):
            epoch, started = len(self.progress.history), time.monotonic()
            loss = self._epoch(epoch)
            towers = self.towers()
            validation = self.validate(towers)
            entry = {"epoch": epoch + 1, "loss": loss, "validation MRR@10": validation.rank()}
            entry |= {"AUC": validation.auc(towers.scale, self.config.seed)}
            entry |= {"scale": towers.scale, "bias": towers.bias}
            self.progress.history.append({**entry, "seconds": time.monotonic() - started})
            scores = [row["validation MRR@10"] for row in self.progress.history]
            weights = self.model.get_weights()
            self.sum_of_weights = [a + b for a, b in zip(self.sum_of_weights, weights, strict=True)]
            if int(np.argmax(scores)) == epoch:
                self.progress.best, self.best_weights = epoch, weights
            self._save()
            self.on_epoch(self.progress.history[-1])
            self.log(
                f"epoch {epoch + 1}/{self.config.epochs}: loss {loss:.4f}, validation MRR@10 "
                f"{scores[-1]:.4f}, {self.progress.history[-1]['seconds']:.0f} s"
            )
        if self.config.average:
            number = len(self.progress.history) + (self.plan.start is not None)
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
        self.set_head(*evaluation.fit_head(*self.validate().pair_cosines(self.config.seed)))

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
        _set_head(self.model, scale, bias)

    def _compile(self) -> Callable[..., tf.Tensor]:
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
        return compile_step(
            self.model,
            training.loss,
            sharpness=training.sharpness,
            negatives=self.batches.negatives or training.negatives,
            in_batch=0 if self.batches.negatives else training.negatives,
        )

    def _epoch(self, epoch: int) -> float:
        rng = np.random.default_rng([self.config.seed, epoch])
        losses, logged = [], time.monotonic()
        total = -(-self.batches.pairs // self.config.batch)
        for batch in self.batches.epoch(epoch, self.config.batch, rng):
            if self.model_config.pieces:
                for side in (batch.query, batch.document, batch.negatives):
                    drop = (rng.random(side.shape[:2]) < self.config.unseen) & (side[..., 0] != 0)
                    side[drop, 0] = UNSEEN
            losses.append(float(self.step(*batch)))
            if time.monotonic() - logged > 10:
                logged = time.monotonic()
                self.log(f"  step {len(losses)}/{total}: loss {np.mean(losses[-50:]):.4f}")
        if not np.isfinite(losses).all():
            raise UserError("train.loss not a number")
        return float(np.mean(losses))

    def _fingerprint(self) -> str:
        run = [
            self.plan.family,
            asdict(self.model_config),
            asdict(self.config),
            self.batches.fingerprint,
        ]
        return json.dumps(run)

    def _save(self) -> None:
        """Write the run to its state file."""
        state = {f"now {i}": v.numpy() for i, v in enumerate(self._variables())}
        state |= {f"best {i}": w for i, w in enumerate(self.best_weights)}
        state |= {f"sum {i}": w for i, w in enumerate(self.sum_of_weights)}
        progress = json.dumps({"run": self._fingerprint(), **asdict(self.progress)})
        with whole_file(self.state) as file:
            np.savez(file, progress=np.array(progress), **state)

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

    def _variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.model.optimizer.variables]


def _check_sizes(plan: Plan) -> None:
    """Refuse sizes into which words cannot be read."""
    sizes = plan.sizes
    if sizes.pieces == PIECES and sizes.vocabulary >= 3:
        return
    if sizes.pieces == 0 and family(plan.family).reads_ids:
        return
    raise UserError(
        "train.wrong pieces",
        f"pieces {sizes.pieces}, vocabulary {sizes.vocabulary}",
        pieces=PIECES,
    )


def _check_loss(plan: Plan) -> None:
    """Refuse a loss that model or data are not made for."""
    loss, losses = plan.training.loss, family(plan.family).losses
    if loss in PREPARED and plan.data is None:
        raise UserError("train.no prepared negatives", loss=loss)
    if loss == "labelled" and plan.data is not None:
        raise UserError("train.labelled with data")
    if loss not in losses:
        raise UserError("train.other loss", plan.family, loss=loss, names=", ".join(losses))


def _split(plan: Plan) -> dict[str, pd.DataFrame]:
    """Return the pairs of each split, enough of them to train and to measure on."""
    pairs, training = plan.pairs, plan.training
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
            if plan.data is not None:
                continue
            if training.loss == "labelled":
                usable = len(part)
        if usable < least:
            raise UserError("train.too few pairs", str(usable), split=split)
    return splits


def _batches(plan: Plan, splits: dict[str, pd.DataFrame]) -> Batches:
    """Return what the steps learn from: prepared shards, or the training pairs."""
    sizes, training, pairs = plan.sizes, plan.training, splits["train"]
    text_sizes = _text_sizes(sizes)
    if plan.data is not None:
        held_out = _held_out(splits) if training.measured_on == "held out" else frozenset()
        negatives = training.negatives
        return ShardBatches(plan.data, *text_sizes, negatives, sizes.pieces, held_out)
    if training.loss != "labelled":
        pairs = pairs.query("label == 1")
    return PairBatches(pairs, *text_sizes, training.spans, sizes.pieces)


def _text_sizes(sizes: Config) -> tuple[int, int, int]:
    """Return the rows of the table, and the words read of a query and of a document."""
    return sizes.vocabulary, sizes.query_length, sizes.document_length


def _held_out(splits: dict[str, pd.DataFrame]) -> frozenset[str]:
    """Return the texts of the held-out pairs, which a file without splits has in its shards."""
    if "split" in splits["train"]:
        return frozenset()
    parts = (splits[split] for split in ("validation", "test"))
    relevant = (part[part["label"] == 1] for part in parts)
    return frozenset(
        fold(text) for part in relevant for side in ("query", "document") for text in part[side]
    )


def _build(plan: Plan, vocabulary: dict[str, int]) -> keras.Model:
    """Return the model with the weights that it starts from."""
    model = family(plan.family).build(plan.sizes)
    if _has_lexical(model):  # as BM25 begins
        weights = rarity(vocabulary, plan.sizes.vocabulary)
        model.get_layer("lexical").log_weight.assign(weights)
    if plan.start is not None:
        _copy_weights(plan.start, model)
    if plan.training.first_scale is not None:
        _set_head(model, plan.training.first_scale, 0.0)
    return model


def _has_lexical(model: keras.Model) -> bool:
    return len(cut_towers(model)["query"].parts) > 1


def _copy_weights(start: ModelFolder, model: keras.Model) -> None:
    """Copy a model folder's weights into a model of the same sizes."""
    load_towers(start, "keras")  # refuses what is no model of ours
    source = keras.saving.load_model(start.path / "model.keras", compile=False, safe_mode=True)
    shapes = [[w.shape for w in m.get_weights()] for m in (source, model)]
    if shapes[0] != shapes[1]:
        raise UserError("train.other sizes", name=start.name)
    model.set_weights(source.get_weights())


def _set_head(model: keras.Model, scale: float, bias: float) -> None:
    kernel, offset = np.array([[scale]], np.float32), np.array([bias], np.float32)
    model.get_layer("out").set_weights([kernel, offset])
