"""A model card written, and a model measured again and its card with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from dssm_core.card.examples import score_towers
from dssm_core.card.sections import (
    calibration_lines,
    errors_section,
    faithfulness_section,
    fusion_note,
    metrics_table,
    own_queries,
    reliability_table,
    robustness_section,
    significance,
    slices_section,
)
from dssm_core.corpus.pairs import read_pairs
from dssm_core.corpus.reading import OWN
from dssm_core.errors import UserError
from dssm_core.evaluation import (
    Encoded,
    evaluate_towers,
    length_bands,
    random_pairs,
    related_in,
)
from dssm_core.evaluation.robustness import measure_robustness
from dssm_core.folder import ModelFolder, write_folder
from dssm_core.runtimes.load import load_towers
from dssm_core.towers import Towers


def write_card(
    name: str,
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    notes: str = "",
    examples: Sequence[Mapping[str, Any]] = (),
    faithfulness: Mapping[str, Any] | None = None,
) -> str:
    """Return the README.md of a model folder, in Markdown.

    Args:
        name: of the folder.
        config: as config.json holds it.
        metrics: as metrics.json holds it.
        notes: Markdown by whoever trained it: data, source, licence, rebuilding, failures.
        examples: as examples.jsonl holds them; those that say which document is `expected`
            first make a table of queries that no data set holds.
        faithfulness: as faithfulness.json holds it, where it was measured.
    """
    sizes = ", ".join(f"{key} {value}" for key, value in config["model"].items())
    choices = ", ".join(f"{key} {value}" for key, value in config["training"].items())
    versions = ", ".join(f"{key} {value}" for key, value in config["versions"].items())
    head = config["head"]
    mean = ", and the mean of the weights is kept" if config["training"].get("average") else ""
    is_fresh = config["training"].get("measured_on") != "training pairs"
    heading = "Held-out figures" if is_fresh else "Figures on its training pairs"
    never = "which training never saw" if is_fresh else "which it was trained on"
    queries = "Each of {:,} queries ranks" if metrics["queries"] > 1 else "Its single query ranks"
    is_free = config["model"].get("head") == "free"
    negatives = metrics["calibration"]["negatives"]
    fitted = (
        "as training left it"
        if is_free
        else f"fitted on the validation pairs with 1 relevant document to {negatives} sampled "
        "ones, and it holds for that mix only: against candidates chosen to be alike, as the "
        "first documents of a search are, it says too much (some of those may be right, though "
        "nobody labelled them)"
    )
    return f"""# {name}

{notes.strip() or "Trained with `python -m dssm_core train`."}

## {heading}
{queries.format(metrics["queries"])} all {metrics["documents"]:,} documents of \
`pairs.csv`, {never}. In brackets the bootstrap 95 % interval over queries. NaN \
and ties count against the model. Measured by `train`, and again by:

    python -m dssm_core evaluate --model {name} --pairs {name}/pairs.csv --fuse bm25

(in the folder that holds this one, where DSSM Lens is installed)

{metrics_table(metrics)}
{fusion_note(metrics)}{significance(metrics)}
{slices_section(metrics)}{errors_section(metrics)}{robustness_section(name, metrics)}\
## Probability
probability = sigmoid({head["scale"]:.3f} × cosine {head["bias"]:+.3f}), {fitted}. On the \
{"held-out" if is_fresh else "training"} pairs:

{chr(10).join(calibration_lines(metrics))}

{reliability_table(metrics)}
{faithfulness_section(name, faithfulness)}{own_queries(examples)}
## How it was made
Sizes: {sizes}.
Training: {choices}; epoch {metrics["training"]["best epoch"]} was best on validation\
{mean}, \
{metrics["training"]["pairs"]:,} rows an epoch, which are pairs and any spans of their documents\
{_taught(config)}.
Versions: {versions}. Losses and validation figures by epoch are in `history.csv`.
"""


def _taught(config: Mapping[str, Any]) -> str:
    """Return who taught the model besides its pairs, in words."""
    teacher = config.get("teacher")
    if teacher is None:
        return ""
    more = f" and {teacher['texts']:,} texts without labels" if teacher["texts"] else ""
    return (
        f", taught by {teacher['name']} (fingerprint {teacher['fingerprint']}) on these{more}; "
        "the teacher is not needed to use the model"
    )


def measure(
    towers: Towers,
    pairs: pd.DataFrame,
    seed: int = 0,
    weight: float | None = None,
    log: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Measure figures, slices, errors, calibration, robustness, and random pairs by length.

    Args:
        towers: the model.
        pairs: held-out pairs.
        seed: of bootstrap, sampled negatives and changes to texts.
        weight: the cosine's in the fusion with BM25, as `fit_weight` finds it on validation;
            without, one that was chosen once for all.
        log: called with a line for people before each part.

    Raises:
        UserError: if no pair is labelled 1.
    """
    log("measuring ranks and calibration on the held-out pairs")
    figures = evaluate_towers(towers, pairs, seed, weight=weight)
    log("measuring the same on changed texts")
    robustness = measure_robustness(towers, pairs, seed)
    log("measuring random pairs")
    queries = Encoded.of(towers, list(dict.fromkeys(pairs["query"])), "query")
    documents = Encoded.of(towers, list(dict.fromkeys(pairs["document"])), "document")
    return {
        **figures,
        "robustness": robustness,
        "background": length_bands(*random_pairs(queries, documents, related_in(pairs), seed)),
    }


def refresh_folder(folder: ModelFolder, examples: Sequence[Mapping[str, Any]], notes: str) -> None:
    """Measure a model again on its held-out pairs, score its examples, and rewrite its card.

    Args:
        folder: the model folder.
        examples: title, note, query, documents[, expected, kind].
        notes: Markdown for the top of the card.

    Raises:
        UserError: if the folder cannot be used or written.
    """
    if "training" not in folder.metrics:
        raise UserError("folder.no training", name=folder.name)
    towers = load_towers(folder, "keras")  # what is stored is what other ways are checked against
    weight = folder.metrics.get("fusion", {}).get("weight")
    pairs = read_pairs(folder.path / "pairs.csv", choices=OWN)
    measured = measure(towers, pairs, weight=weight)
    metrics = {**measured, "training": folder.metrics["training"]}
    stored = [
        {
            **example,
            "scores": score_towers(towers, example, folder.random_pairs, folder.name).to_dict(),
        }
        for example in examples
    ]
    card = write_card(folder.name, folder.config, metrics, notes, stored, folder.faithfulness)
    lines = [json.dumps(example, ensure_ascii=False, allow_nan=False) for example in stored]
    write_folder(
        folder.path,
        {
            **{file.name: file.read_bytes() for file in folder.path.iterdir() if file.is_file()},
            "metrics.json": json.dumps(metrics, indent=2, allow_nan=False).encode(),
            "examples.jsonl": ("\n".join(lines) + "\n").encode(),
            "notes.md": notes.encode(),
            "README.md": card.encode(),
        },
    )
