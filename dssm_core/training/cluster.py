"""Processes of several machines that train together, as TF_CONFIG names them.

TensorFlow's collective sums alone: the model is a plain one in each process. Built in the scope of
the strategy, Keras would clip each worker's gradients before it adds them up, and `fit` fails.

Source: tf.distribute.MultiWorkerMirroredStrategy; keras-team/keras#20585 on `fit`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from dssm_core.errors import UserError
from dssm_core.workers import ALONE, Workers

TASKS = ("chief", "worker")
"""Tasks of TF_CONFIG that train, in the order of their ranks."""

LOST = (
    *(tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError),
    *(tf.errors.DeadlineExceededError, tf.errors.FailedPreconditionError),
)
"""What the collectives raise when a process is gone."""


class ClusterWorkers(Workers):
    """The processes that TF_CONFIG names; to be made before TensorFlow does anything else.

    Args:
        number: of processes.
        rank: of this one.

    Raises:
        UserError: if this one cannot be reached at its address, or another not at its own.
    """

    def __init__(self, number: int, rank: int) -> None:
        self.number, self.rank = number, rank
        if gpus := tf.config.list_physical_devices("GPU"):  # one each, or their sum counts twice
            tf.config.set_visible_devices([gpus[rank % len(gpus)]], "GPU")
        try:
            self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except tf.errors.OpError as error:
            raise UserError("workers.unreachable", error.message) from None
        self._total = tf.function(self.sum_in_graph, reduce_retracing=True)

    def total(self, values: np.ndarray) -> np.ndarray:
        """Return the sum; integers of any width go as those of 64 bits."""
        sent = values.astype(np.int64) if values.dtype.kind in "iu" else values
        total = self._total(tf.constant(np.ravel(sent))).numpy().astype(values.dtype)
        result: np.ndarray = total.reshape(values.shape)
        return result

    def sum_in_graph(self, values: tf.Tensor) -> tf.Tensor:
        """Return the sum of all processes' tensors, within a compiled function."""

        def summed(values: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(values))

        return self._strategy.run(summed, (values,))


def workers_of_environment() -> Workers:
    """Return the processes that TF_CONFIG names; ALONE if it is not set, or names no other.

    Raises:
        UserError: if it cannot be read, or gives this process another task than to train.
    """
    number, rank = read_cluster(os.environ.get("TF_CONFIG", ""))
    return ALONE if number == 1 else ClusterWorkers(number, rank)


def read_cluster(config: str) -> tuple[int, int]:
    """Return how many processes a TF_CONFIG names, and the rank of this one.

    Args:
        config: JSON of cluster and task; "" for one process.

    Raises:
        UserError: if it is not that.

    Example:
        >>> read_cluster('{"cluster": {"worker": ["a:1", "b:1"]}, '
        ...              '"task": {"type": "worker", "index": 1}}')
        (2, 1)
    """
    if not config:
        return 1, 0
    try:
        given = json.loads(config)
        cluster, task = given["cluster"], given["task"]
        places = [(name, i) for name in TASKS for i in range(len(cluster.get(name, [])))]
        return len(places), places.index((task["type"], int(task["index"])))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError("workers.wrong TF_CONFIG", config) from None


@contextmanager
def told_if_lost(workers: Workers) -> Iterator[None]:
    """Turn what the collectives raise when a process is gone into a sentence."""
    try:
        yield
    except LOST:
        if workers.number == 1:
            raise
        raise UserError("workers.lost", workers=workers.number) from None


def sum_in_graph(workers: Workers) -> Callable[[tf.Tensor], tf.Tensor] | None:
    """Return what sums a tensor over processes within a compiled function; None for ALONE."""
    if workers is ALONE:
        return None
    if isinstance(workers, ClusterWorkers):
        return workers.sum_in_graph
    return lambda values: tf.ensure_shape(
        tf.numpy_function(workers.total, [values], values.dtype), values.shape
    )
