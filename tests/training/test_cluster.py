"""What several machines that train together say of each other: sentences, and no traceback."""

from __future__ import annotations

import pytest

from dssm_core.workers import ALONE, Workers
from tests.encoders import refusal


class Two(Workers):
    """Two processes, of which this is the first."""

    number, rank = 2, 0


def lose(workers: Workers) -> None:
    import tensorflow as tf

    from dssm_core.training.cluster import told_if_lost

    with told_if_lost(workers):
        raise tf.errors.UnavailableError(None, None, "connection reset")


def test_a_process_that_is_gone_is_told_to_the_others():
    error = refusal(lambda: lose(Two()))
    assert (error.key, error.values["workers"]) == ("workers.lost", 2)


def test_alone_nobody_is_lost_and_the_error_stays_what_it_is():
    import tensorflow as tf

    with pytest.raises(tf.errors.UnavailableError, match="connection reset"):
        lose(ALONE)


def test_an_address_that_cannot_be_reached_is_told(monkeypatch):
    import tensorflow as tf

    from dssm_core.training.cluster import ClusterWorkers

    def unreachable() -> None:
        raise tf.errors.UnknownError(None, None, "could not bind to 10.0.0.9:2222")

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", unreachable)
    error = refusal(lambda: ClusterWorkers(2, 0))
    assert (error.key, error.received) == ("workers.unreachable", "could not bind to 10.0.0.9:2222")
