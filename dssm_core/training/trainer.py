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
from dssm_core.errors import UserError
from dssm_core.files import whole_file
from dssm_core.models.compiled import CompiledTowers
from dssm_core.models.losses import compile_step
from dssm_core.models.tower import cut_towers
from dssm_core.text import UNSEEN
from dssm_core.training.batches import Batches
from dssm_core.training.cluster import sum_in_graph
from dssm_core.training.config import Plan, TrainingConfig
from dssm_core.training.planning import (
    batches_of,
    build_model,
    check_plan,
    set_head,
    splits_of,
    text_sizes,
)
from dssm_core.training.validation import Validation, best_gain
from dssm_core.workers import ALONE, Workers


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
        workers: the processes that train together; the first measures, keeps the state and talks.
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
        workers: Workers = ALONE,
    ) -> None:
        self.workers = workers
        self.plan, self.config, self.model_config = plan, plan.training, plan.sizes
        self.splits, self.batches, self.vocabulary = splits, batches, batches.vocabulary
        self.model, self.state, self.log, self.on_epoch = model, state, log, on_epoch
        self._towers = CompiledTowers(
            model, self.vocabulary, *text_sizes(plan.sizes), plan.sizes.pieces
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
        workers: Workers = ALONE,
    ) -> Trainer:
        """Return a run that is ready to go on from its state file, or to start.

        Args:
            plan: what to train, and on what.
            state: file that holds the run between epochs; resumed from if it fits, else ignored.
            log: called with a line for people after each epoch and every few seconds.
            on_epoch: called with each epoch's entry of the history.
            workers: the processes that train together, each of which calls this.

        Raises:
            UserError: if there are too few pairs, words cannot be read into the model's sizes, the
                loss does not fit model or data, or workers have unlike plans.
        """
        check_plan(plan, workers.number)
        splits = splits_of(plan)
        keras.utils.set_random_seed(plan.training.seed)
        log, on_epoch = (log, on_epoch) if workers.is_first else (_nothing, _nothing)
        batches = batches_of(plan, splits, log)
        model = build_model(plan, batches, log)
        trainer = cls(plan, splits, batches, model, state, log, on_epoch, workers)
        if workers.is_first:
            trainer._resume()
        if workers.number > 1:
            trainer._start_together()
        return trainer

    def run(self) -> None:
        """Train until it is over, then put back the best epoch's weights, or the mean of all."""
        while not self.progress.is_over(self.config):
            epoch, started = len(self.progress.history), time.monotonic()
            entry = {"epoch": epoch + 1, "loss": self._epoch(epoch), **self._measured()}
            self.progress.history.append({**entry, "seconds": time.monotonic() - started})
            scores = [row["validation MRR@10"] for row in self.progress.history]
            weights = self.model.get_weights()
            self.sum_of_weights = [a + b for a, b in zip(self.sum_of_weights, weights, strict=True)]
            if int(np.argmax(scores)) == epoch:
                self.progress.best, self.best_weights = epoch, weights
            if self.workers.is_first:
                self._save()
            self.on_epoch(self.progress.history[-1])
            self.log(
                f"epoch {epoch + 1}/{self.config.epochs}: loss {entry['loss']:.4f}, "
                f"validation MRR@10 {scores[-1]:.4f}, {self.progress.history[-1]['seconds']:.0f} s"
            )
        if self.config.average:
            number = len(self.progress.history) + (self.plan.start is not None)
            self.model.set_weights([total / number for total in self.sum_of_weights])
        else:
            self.model.set_weights(self.best_weights)

    def _measured(self) -> dict[str, float]:
        """Return what the first worker finds on the validation pairs, while the others wait."""
        found = dict.fromkeys(("validation MRR@10", "AUC", "scale", "bias"), 0.0)
        if self.workers.is_first:
            towers = self.towers()
            validation = self.validate(towers)
            auc = validation.auc(towers.scale, self.config.seed)
            found = dict(
                zip(found, (validation.rank(), auc, towers.scale, towers.bias), strict=True)
            )
        told = self.workers.from_first(np.array([*found.values()]))
        return dict(zip(found, told.tolist(), strict=True))

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
        set_head(self.model, scale, bias)

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
            total=sum_in_graph(self.workers),
            teaching=training.teaching if self.plan.teacher else 0.0,
        )

    def _epoch(self, epoch: int) -> float:
        seed, workers = (self.config.seed, epoch), self.workers
        order, drops = (np.random.default_rng([*seed, *own]) for own in ((), (1 + workers.rank,)))
        losses, logged = [], time.monotonic()
        total = -(-self.batches.pairs // self.config.batch)
        for batch in self.batches.epoch(epoch, self.config.batch, order, workers):
            if self.model_config.pieces:
                for side in (batch.query, batch.document, batch.negatives):
                    drop = drops.random(side.shape[:2]) < self.config.unseen
                    side[drop & (side[..., 0] != 0), 0] = UNSEEN
            losses.append(float(self.step(*batch.arguments)))
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
            self.plan.start.fingerprint if self.plan.start else None,
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

    def _start_together(self) -> None:
        """Put all workers where the first one stands, each with dropout of its own."""
        workers, own = self.workers, self._fingerprint()
        differ = np.array([workers.text_from_first(own) != own], np.int32)
        if workers.total(differ)[0]:
            raise UserError("workers.unlike")
        progress = workers.text_from_first(json.dumps(asdict(self.progress)))
        self.progress = Progress(**json.loads(progress))
        for variable in self._variables():
            value = workers.from_first(variable.numpy())
            if "seed_generator" in variable.path:  # its state is a seed and a counter
                value[0] += workers.rank
            variable.assign(value)
        self.best_weights = [workers.from_first(weight) for weight in self.best_weights]
        self.sum_of_weights = [workers.from_first(weight) for weight in self.sum_of_weights]

    def _variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.model.optimizer.variables]


def _nothing(said: object) -> None:
    pass
