"""The card of a folder that refers to somebody else's encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dssm_core.card.sections import (
    calibration_lines,
    errors_section,
    faithfulness_section,
    metrics_table,
    reliability_table,
    significance,
    slices_section,
)


def write_adopted_card(
    name: str,
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    faithfulness: Mapping[str, Any] | None = None,
) -> str:
    """Return the README.md of an adopted model folder, in Markdown.

    Args:
        name: of the folder.
        config: as config.json holds it.
        metrics: as metrics.json holds it; without systems where no pair was labelled.
        faithfulness: as faithfulness.json holds it, where it was measured.
    """
    encoder, model = config["encoder"], config["model"]
    length = model["max_length"]
    limit = "an unknown number of" if length is None else f"{length:,}"
    modules = "\n".join(f"{i}. {module}" for i, module in enumerate(model["modules"], 1))
    return f"""# {name}

Refers to the encoder `{model["name"]}` ({model["format"]}) at `{encoder["reference"]}`, \
fingerprint `{encoder["fingerprint"]}`. This folder holds none of its weights: licence and origin \
are those of the encoder.

Vectors have {model["width"]:,} numbers. It reads {limit} pieces of a text, its prompt and special \
tokens included. Prompt of queries: `{encoder["prompts"]["query"]!r}`, of documents: \
`{encoder["prompts"]["document"]!r}`.

{"Modules applied, in order:" if modules else "It does not say which modules it applies."}

{modules}

## Random pairs
Cosines of random pairs of the file that it was adopted with, by words of the document. What lies \
inside is what unrelated texts score.

{_background(metrics)}
{faithfulness_section(name, faithfulness)}{_figures(name, config, metrics)}"""


def _background(metrics: Mapping[str, Any]) -> str:
    lines = ["| words | pairs | 5 % | 50 % | 95 % |", "|---|---|---|---|---|"]
    for band in metrics["background"]:
        cells = [f"{band['quantiles'][step]:.3f}" for step in (5, 50, 95)]
        words = f"{band['from']}–{band['to']}"
        lines.append(f"| {words} | {band['pairs']:,} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _figures(name: str, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    head = config["head"]
    if not head:
        return (
            "## No probability\nToo few pairs were labelled to fit one, so there are cosines and "
            "percentiles only.\n"
        )
    is_same = metrics["measured_on"] == "same"
    which = (
        "the pairs that fitted the probability, for there are few, so these figures flatter it"
        if is_same
        else "the half of the queries that did not fit the probability"
    )
    return f"""## Figures
On `pairs.csv`, {which}: each of {metrics["queries"]:,} queries ranks all \
{metrics["documents"]:,} documents. In brackets the bootstrap 95 % interval over queries. NaN and \
ties count against the model. Measured again by:

    python -m dssm_core evaluate --model {name} --pairs {name}/pairs.csv

(in the folder that holds this one, where DSSM Lens is installed)

{metrics_table(metrics)}
{significance(metrics)}
{slices_section(metrics)}{errors_section(metrics)}\
## Probability
probability = sigmoid({head["scale"]:.3f} × cosine {head["bias"]:+.3f}), fitted on pairs with 1 \
relevant document to {metrics["calibration"]["negatives"]} sampled ones, and it holds for that mix \
only. On `pairs.csv`:

{chr(10).join(calibration_lines(metrics))}

{reliability_table(metrics)}"""
