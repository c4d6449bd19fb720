"""What a training has shown, in sentences that are computed from its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dssm_core.words import Sentence

CLOSE = 0.01
"""A difference in MRR@10 that says nothing on some hundred pairs."""

LEARNT = 0.8
"""AUC of the probability from which a task counts as learnt."""

Epoch = Mapping[str, float]


def judge_training(history: Sequence[Epoch], bm25: float | None) -> list[Sentence]:
    """Say how a training compares with BM25, and whether it learnt its pairs by heart.

    Args:
        history: an entry an epoch: epoch, loss and validation MRR@10; at least one.
        bm25: MRR@10 of BM25 on the same validation pairs; None where it is not known.
    """
    ranks = [entry["validation MRR@10"] for entry in history]
    best, last = max(history, key=lambda entry: entry["validation MRR@10"]), history[-1]
    found, told = best["validation MRR@10"], []
    if bm25 is not None:
        way = "close" if abs(found - bm25) < CLOSE else "above" if found > bm25 else "below"
        told.append(Sentence(f"lab.verdict.{way}", {"model": found, "bm25": bm25}))
    peaked = best["epoch"] < last["epoch"] and last["loss"] < best["loss"]
    if peaked and ranks[-1] < found - CLOSE:
        told.append(Sentence("lab.verdict.peaked", {"epoch": int(best["epoch"])}))
    elif last["loss"] < 0.5 * history[0]["loss"] and found < 0.5 * (bm25 or 1.0):
        losses = {"first": history[0]["loss"], "last": last["loss"]}
        told.append(Sentence("lab.verdict.by heart", losses))
    return told


def cosine_auc(entry: Epoch) -> float:
    """Return the AUC of the cosine, in [0, 1], from that of the probability.

    The probability rises with the cosine where w > 0, and falls with it where w < 0.
    """
    return entry["AUC"] if entry["scale"] > 0 else 1 - entry["AUC"]


def judge_head(first: float, last: Epoch) -> Sentence:
    """Say what became of a head that started at some w.

    Args:
        first: w at the start.
        last: the last epoch: scale and AUC.
    """
    values = {
        "first": first,
        "scale": last["scale"],
        "auc": last["AUC"],
        "cosine": cosine_auc(last),
    }
    if last["AUC"] < LEARNT:
        return Sentence("lab.head.not learnt", values)
    if last["scale"] < 0:
        return Sentence("lab.head.backwards", values)
    return Sentence("lab.head.recovered" if first < 0 else "lab.head.right", values)
