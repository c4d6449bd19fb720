"""From a plan to what a run starts with: its splits, its batches, its model."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
import pandas as pd

from dssm_core.corpus.splitting import fold, split_pairs
from dssm_core.errors import UserError
from dssm_core.families import Config, family
from dssm_core.folder import ModelFolder
from dssm_core.models.tower import cut_towers
from dssm_core.runtimes.load import load_towers
from dssm_core.text import PIECES, UNSEEN, hash_pieces
from dssm_core.training.batches import Batches, PairBatches, ShardBatches
from dssm_core.training.config import PREPARED, Plan
from dssm_core.training.lessons import TaughtBatches
from dssm_core.training.teacher import Log, table_of, teach_table


def check_plan(plan: Plan, workers: int = 1) -> None:
    """Refuse sizes and losses that do not fit, and batches too small for so many workers.

    Raises:
        UserError: if words cannot be read into the sizes, the loss fits neither model nor data, or
            a worker would have less than two rows of a batch.
    """
    least = 2 * workers  # a row has the others of its worker as negatives
    if plan.training.batch < least:
        raise UserError("workers.small batch", str(plan.training.batch), least=least)
    _check_sizes(plan)
    _check_loss(plan)


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
    if loss == "softmax" and plan.teacher is not None:
        raise UserError("train.teacher and loss", loss=loss)
    if loss not in losses:
        raise UserError("train.other loss", plan.family, loss=loss, names=", ".join(losses))


def splits_of(plan: Plan) -> dict[str, pd.DataFrame]:
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


def batches_of(plan: Plan, splits: dict[str, pd.DataFrame], log: Log = print) -> Batches:
    """Return what the steps learn from: prepared shards, or the training pairs.

    Raises:
        UserError: if there are no two pairs or no word in them; if a teacher fails, or reads none
            of the texts.
    """
    sizes, training, pairs = plan.sizes, plan.training, splits["train"]
    read, teacher = text_sizes(sizes), plan.teacher
    is_held_out = training.measured_on == "held out"
    held_out = texts_of(splits) if is_held_out else frozenset()
    texts = [t for t in teacher.texts if fold(t) not in held_out] if teacher else []
    known = plan.start.vocabulary if plan.start else {}
    batches: PairBatches | ShardBatches
    if plan.data is not None:
        left_out = frozenset() if "split" in pairs else held_out
        negatives = training.negatives
        batches = ShardBatches(plan.data, *read, negatives, sizes.pieces, left_out, texts, known)
    else:
        if training.loss != "labelled":
            pairs = pairs.query("label == 1")
        batches = PairBatches(pairs, *read, training.spans, sizes.pieces, texts, known)
    if batches.pairs < 2:
        raise UserError("train.too few pairs", str(batches.pairs), split="train")
    if not batches.vocabulary:
        raise UserError("train.no words")
    if teacher is None:
        return batches
    return TaughtBatches(batches, teacher, texts, log)


def text_sizes(sizes: Config) -> tuple[int, int, int]:
    """Return the rows of the table, and the words read of a query and of a document."""
    return sizes.vocabulary, sizes.query_length, sizes.document_length


def texts_of(splits: dict[str, pd.DataFrame]) -> frozenset[str]:
    """Return the folded texts of the held-out pairs that are relevant."""
    parts = (splits[split] for split in ("validation", "test"))
    relevant = (part[part["label"] == 1] for part in parts)
    return frozenset(
        fold(text) for part in relevant for side in ("query", "document") for text in part[side]
    )


def build_model(plan: Plan, batches: Batches, log: Log = print) -> keras.Model:
    """Return the model with the weights that it starts from."""
    model, counts = family(plan.family).build(plan.sizes), batches.vocabulary
    if _has_lexical(model):  # as BM25 begins
        weights = rarity(counts, plan.sizes.vocabulary)
        model.get_layer("lexical").log_weight.assign(weights)
    if plan.start is not None:
        _copy_weights(plan.start, model)
    elif plan.teacher is not None and (table := table_of(model)) is not None:
        teach_table(table, counts, plan.teacher.lessons({"query": [*counts]}, log))
    if plan.training.first_scale is not None:
        set_head(model, plan.training.first_scale, 0.0)
    return model


def rarity(vocabulary: Mapping[str, int], rows: int) -> np.ndarray:
    """Return how rare each row's pieces are: the log of their idf over the mean word's.

    Args:
        vocabulary: words of the training texts with their counts.
        rows: rows of the hashed table.

    Returns:
        float32 [rows]; 0 for padding, the highest for a row that no word has and for UNSEEN.

    Source: Sparck Jones 1972, "A statistical interpretation of term specificity".
    """
    pieces, counts = hash_pieces(list(vocabulary), rows), np.array([*vocabulary.values()])
    found = np.bincount(
        pieces.ravel(), weights=np.repeat(counts, pieces.shape[1]), minlength=rows
    )  # [rows]
    idf = np.log1p(counts.sum() / (1 + found))
    mean = np.average(idf[pieces[:, 0]], weights=counts)
    idf[UNSEEN] = idf[2:].max()
    idf[0] = mean
    result: np.ndarray = np.log(idf / mean).astype(np.float32)
    return result


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


def set_head(model: keras.Model, scale: float, bias: float) -> None:
    """Put w and b into a model's head."""
    kernel, offset = np.array([[scale]], np.float32), np.array([bias], np.float32)
    model.get_layer("out").set_weights([kernel, offset])
