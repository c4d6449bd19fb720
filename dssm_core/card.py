"""The model card: what a model was trained on, how good it is, and how to measure it again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dssm_core.corpus.pairs import read_pairs
from dssm_core.errors import UserError
from dssm_core.evaluation import evaluate_towers
from dssm_core.examples import score_towers
from dssm_core.folder import ModelFolder, write_folder

METRICS = ("MRR@10", "recall@1", "recall@10", "recall@100", "nDCG@10")


def write_card(
    name: str,
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    notes: str = "",
    examples: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the README.md of a model folder, in Markdown.

    Args:
        name: of the folder.
        config: as config.json holds it.
        metrics: as metrics.json holds it.
        notes: Markdown by whoever trained it: data, source, licence, rebuilding, failures.
        examples: as examples.jsonl holds them; those that say which document is `expected`
            first make a table of queries that no data set holds.
    """
    sizes = ", ".join(f"{key} {value}" for key, value in config["model"].items())
    choices = ", ".join(f"{key} {value}" for key, value in config["training"].items())
    versions = ", ".join(f"{key} {value}" for key, value in config["versions"].items())
    calibration = metrics["calibration"]
    head = config["head"]
    return f"""# {name}

{notes.strip() or "Trained with `python -m dssm_core train`."}

## Held-out figures
Each of {metrics["queries"]:,} queries ranks all {metrics["documents"]:,} documents of \
`pairs.csv`, which training never saw. In brackets the bootstrap 95 % interval over queries. NaN \
and ties count against the model. Measured by `train`, and again by:

    python -m dssm_core evaluate --model {name} --pairs {name}/pairs.csv

(from the folder that holds this one)

{metrics_table(metrics)}
{significance(metrics)}
## Probability
probability = sigmoid({head["scale"]:.3f} × cosine {head["bias"]:+.3f}), fitted on the validation \
pairs with 1 relevant document to {calibration["negatives"]} sampled ones, and it holds for that \
mix only: on the held-out pairs in the same mix the expected calibration error is \
**{calibration["error"]:.4f}**. Against candidates chosen to be alike, probabilities are too high.

{reliability_table(calibration["table"])}
{own_queries(examples)}
## How it was made
Sizes: {sizes}.
Training: {choices}; epoch {metrics["training"]["best epoch"]} was best on validation, \
{metrics["training"]["pairs"]:,} training pairs.
Versions: {versions}. Losses and validation figures by epoch are in `history.csv`.
"""


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """Return the systems of an evaluation as a Markdown table, one row a system."""
    lines = ["| system | " + " | ".join(METRICS) + " |", "|---" * (len(METRICS) + 1) + "|"]
    for system, values in metrics["systems"].items():
        cells = [
            f"{values[m]['mean']:.3f} ({values[m]['low']:.3f}-{values[m]['high']:.3f})"
            for m in METRICS
        ]
        lines.append(f"| {system} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def significance(metrics: Mapping[str, Any]) -> str:
    """Return a sentence on whether model and BM25 differ, empty where BM25 was not measured."""
    if "p_value" not in metrics:
        return ""
    return (
        "\nModel against BM25 on MRR@10, paired randomisation test over queries: "
        f"p = {metrics['p_value']:.4f}.\n"
    )


def reliability_table(rows: list[dict[str, Any]]) -> str:
    """Return the reliability diagram's numbers as a Markdown table."""
    lines = ["| probability said | share that was relevant | pairs |", "|---|---|---|"]
    for row in rows:
        lines.append(f"| {row['probability']:.3f} | {row['relevant']:.3f} | {row['pairs']:,} |")
    return "\n".join(lines) + "\n"


def own_queries(examples: Sequence[Mapping[str, Any]]) -> str:
    """Return what became of the hand-written queries, as a Markdown section, or nothing."""
    kinds = dict.fromkeys(e.get("kind", "ordinary") for e in examples if "expected" in e)
    if not kinds:
        return ""
    tables = [
        _judged(
            [e for e in examples if "expected" in e and e.get("kind", "ordinary") == kind], kind
        )
        for kind in kinds
    ]
    return (
        "## Queries of our own\nWritten by hand, in no data set. An ordinary one has the document "
        "that a person would put first, one that is near, and others about other things; in a trap "
        "the wrong documents share words with the query. `python -m dssm_core score` prints the "
        "same numbers.\n\n" + "\n".join(tables)
    )


def _judged(examples: Sequence[Mapping[str, Any]], kind: str) -> str:
    lines = ["| query | wanted first | its rank | put first instead |", "|---|---|---|---|"]
    right = 0
    for example in examples:
        results = example["scores"]["results"]
        wanted = results[example["expected"] - 1]
        first = min(results, key=lambda result: result["rank"] or len(results) + 1)
        right += wanted["rank"] == 1
        instead = "" if wanted["rank"] == 1 else first["document"]
        cells = [example["query"], wanted["document"], wanted["rank"], instead]
        lines.append("| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |")
    head = f"**{kind}**: the wanted document comes first in {right} of {len(examples)}.\n\n"
    return head + "\n".join(lines) + "\n"


def refresh_folder(
    folder: ModelFolder, examples: Sequence[Mapping[str, Any]], notes: str, seed: int = 0
) -> None:
    """Measure a model again on its held-out pairs, score its examples, and rewrite its card.

    Args:
        folder: the model folder.
        examples: title, note, query, documents[, expected, kind].
        notes: Markdown for the top of the card.
        seed: of bootstrap and sampled negatives.

    Raises:
        UserError: if the folder cannot be used or written.
    """
    if "training" not in folder.metrics:
        raise UserError(f'{folder.name}/metrics.json has no "training"', hint="Train it again.")
    towers = folder.load_towers()
    measured = evaluate_towers(towers, read_pairs(folder.path / "pairs.csv"), seed)
    metrics = {**measured, "training": folder.metrics["training"]}
    stored = [
        {
            **example,
            "scores": score_towers(towers, example, folder.random_pairs, folder.name).to_dict(),
        }
        for example in examples
    ]
    card = write_card(folder.name, folder.config, metrics, notes, stored)
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
