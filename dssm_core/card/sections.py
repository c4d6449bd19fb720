"""What a model card says, part by part: Markdown from the values of metrics.json.

A part of which nothing was measured is an empty text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dssm_core.evaluation import FEW, WEIGHT
from dssm_core.words import shortened

METRICS = ("MRR@10", "recall@1", "recall@10", "recall@100", "nDCG@10")

QUOTED = 160
"""Characters that are quoted of a text."""


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """Return the systems of an evaluation as a Markdown table, one row a system."""
    lines = ["| system | " + " | ".join(METRICS) + " |", "|---" * (len(METRICS) + 1) + "|"]
    for system, values in metrics["systems"].items():
        cells = [_interval(values[m]) for m in METRICS]
        lines.append(f"| {system} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def significance(metrics: Mapping[str, Any]) -> str:
    """Return a sentence on each system that the model may differ from, empty where it is alone."""
    named = metrics.get("p_values", {})
    return "".join(
        f"\nModel against {name} on MRR@10, paired randomisation test over queries: p = {p:.4f}.\n"
        for name, p in named.items()
    )


def fusion_note(metrics: Mapping[str, Any]) -> str:
    """Return what the fused line is, empty where there is none."""
    fusion = metrics.get("fusion")
    if not fusion:
        return ""
    if fusion["method"] == "bm25-rrf":
        return "\nModel + BM25 is reciprocal rank fusion.\n"
    weight, whence = fusion["weight"], "fitted to this model on its validation pairs"
    if weight is None:
        weight, whence = WEIGHT, "chosen once, on the validation pairs of debian-packages"
    return (
        f"\nModel + BM25 is {weight:.2f} × cosine + {1 - weight:.2f} × BM25 as a share of the most "
        f"that the query could get; the weight was {whence}.\n"
    )


def slices_section(metrics: Mapping[str, Any]) -> str:
    """Return MRR@10 by kind of pair as a Markdown section, empty where it was not measured."""
    slices = metrics.get("slices")
    if not slices:
        return ""
    systems = list(slices[0]["systems"])
    lines = ["| by | slice | queries | " + " | ".join(systems) + " |"]
    lines.append("|---" * (3 + len(systems)) + "|")
    for row in slices:
        cells = [_interval(row["systems"][system]) for system in systems]
        lines.append(_row([row["by"], row["slice"], f"{row['queries']:,}", *cells]))
    return (
        "## Where it wins and loses\nMRR@10 on slices of the same queries. Word overlap is the "
        "share of the query's stems that its relevant document has, stop words left out. Numbers "
        "of words are cut into thirds, and rare words are counted over the documents.\n\n"
        + "\n".join(lines)
        + "\n\n"
    )


def errors_section(metrics: Mapping[str, Any]) -> str:
    """Return the worst errors and what they have in common, as a Markdown section or nothing."""
    errors = metrics.get("errors")
    if not errors:
        return ""
    lines = [
        "| query | its document | put first instead | rank | BM25's | causes |",
        "|---|---|---|---|---|---|",
    ]
    for error in errors:
        texts = (_quoted(error[name]) for name in ("query", "document", "instead"))
        lexical = f"{error['BM25 rank']:,}" if "BM25 rank" in error else ""
        lines.append(_row([*texts, f"{error['rank']:,}", lexical, "; ".join(error["causes"])]))
    common = [
        f"- {name}: {round(share['errors'] * len(errors))} of {len(errors)}, "
        f"where it is {share['all']:.1%} of all queries"
        for name, share in metrics["common"].items()
        if share["errors"]
    ]
    shared = "What they have in common:\n\n" + "\n".join(common) + "\n\n" if common else ""
    return (
        f"## The {len(errors)} worst errors\nThe queries whose document ranks lowest. Few words in "
        f"common: a word overlap of {FEW:.0%} at most; unseen words: of the query, in training; "
        "truncated: query or document is longer than the model reads. A sibling is a document "
        "that shares a third of its stems or more with the right one.\n\n"
        + shared
        + "\n".join(lines)
        + "\n\n"
    )


def robustness_section(name: str, metrics: Mapping[str, Any]) -> str:
    """Return what small changes do to ranks, as a Markdown section or nothing."""
    found = metrics.get("robustness")
    if not found:
        return ""
    examples = [
        f"- {row['capability']}: “{_quoted(example['before'])}”, rank {example['rank']}, became "
        f"“{_quoted(example['after'])}”, rank {example['rank after']:,}"
        for row in found["rows"]
        if (example := row["model"]["example"])
    ]
    worst = "The worst failure of each:\n\n" + "\n".join(examples) + "\n\n" if examples else ""
    return (
        "## Robustness\nTexts changed so that a person would judge them the same, a test a "
        "capability. A case is a query whose document was among the first "
        f"{found['depth']} of {found['documents']:,}; it fails where the document then is not, or "
        "where a cosine moves that must not. Ranks are the mean change over the cases, above 0 for "
        "worse. Synonyms are from a short table made by hand "
        "(`dssm_core/evaluation/synonyms.tsv`). Measured again by:\n\n"
        f"    python -m dssm_core robustness --model {name} --pairs {name}/pairs.csv "
        f"--seed {found['seed']}\n\n" + robustness_table(found) + "\n" + worst
    )


def robustness_table(found: Mapping[str, Any]) -> str:
    """Return failure rates of model and BM25 as a Markdown table, one row a capability."""
    lines = [
        "| capability | change | must stay | model fails | ranks | BM25 fails | ranks |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        kept = f"in the first {found['depth']}" if row["expects"] == "rank" else "the cosine"
        cells = [cell for name in ("model", "BM25") for cell in _failures(row[name])]
        lines.append(_row([row["capability"], row["what"], kept, *cells]))
    return "\n".join(lines) + "\n"


def _failures(outcome: Mapping[str, Any]) -> tuple[str, str]:
    if not outcome["cases"]:
        return "no case", ""
    counted = f"{outcome['failures']:,} of {outcome['cases']:,}"
    return f"{outcome['rate']:.1%} ({counted})", f"{outcome['rank_change']:+.1f}"


def faithfulness_section(name: str, found: Mapping[str, Any] | None) -> str:
    """Return how well explanations find the words that matter, as a Markdown section or nothing."""
    if not found:
        return ""
    return (
        "## Which explanation can be trusted\nWords of a text are removed in the order in which an "
        "explanation puts them. Times: the cosine lost without the first 2 and 3 words of a query, "
        "or 2 to 5 of a document, on average, divided by what is lost in random order, so that 1 "
        "is chance; of both texts, the mean of the two. In brackets the bootstrap 95 % interval "
        f"over pairs: {found['pairs']:,} relevant ones of `pairs.csv`, drawn among those with a "
        f"cosine above {found['least']:.3f} (95 % of random pairs lie below) and at least twice as "
        "many words as are removed.\n\nThe effect is the loss of one word, so it is the best at "
        "one by definition, and one does not count. Still, effect and interaction are made by "
        "leaving words out, and a test that removes words is near to them: the cosine of the first "
        "words alone is the test from the other side. Measured again by:\n\n"
        f"    python -m dssm_core faithfulness --model {name} --sample {found['pairs']} "
        f"--seed {found['seed']}\n\n" + faithfulness_table(found) + "\n"
    )


def faithfulness_table(found: Mapping[str, Any]) -> str:
    """Return times as well as chance, and both curves, as Markdown tables."""
    sides = found["sides"]
    columns = {"both texts": found, **sides} if len(sides) > 1 else sides
    heads = ["explanation", *(f"{name}, {row['pairs']:,} pairs" for name, row in columns.items())]
    lines = [_row(heads), "|---" * len(heads) + "|"]
    for name in dict.fromkeys(name for row in columns.values() for name in row["times"]):
        lines.append(_row([name, *(_times(row["times"].get(name)) for row in columns.values())]))
    lines += ["", "Mean cosine without the first words:", "", *_curve_rows(sides, "deletion")]
    lines += ["", "Mean cosine of the first words alone:", "", *_curve_rows(sides, "insertion")]
    return "\n".join(lines) + "\n"


def _times(value: Mapping[str, float] | None) -> str:
    return f"{value['mean']:.1f} ({value['low']:.1f}-{value['high']:.1f})" if value else "–"


def _curve_rows(sides: Mapping[str, Any], curve: str) -> list[str]:
    """Return a table with a row a text and order, and a column a number of words."""
    rows = [
        [side, name, *(f"{cosine:.3f}" for cosine in cosines)]
        for side, found in sides.items()
        for name, cosines in found[curve].items()
    ]
    width = max(map(len, rows))
    heads = ["text", "in order of", *map(str, range(width - 2))]
    return [
        _row(heads),
        "|---" * width + "|",
        *(_row(row + [""] * (width - len(row))) for row in rows),
    ]


def calibration_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Return how well probabilities hold on each mix of pairs, one line of Markdown a mix."""
    if "calibration" not in metrics:
        return ["- no probability: no labelled pairs have fitted one"]
    return [
        f"- {mix}: expected calibration error **{found['error']:.4f}**"
        + (f", mean probability {found['said']:.3f}" if "said" in found else "")
        + (f", relevant {found['relevant']:.3f}" if "relevant" in found else "")
        for mix, found in _mixes(metrics)
    ]


def reliability_table(metrics: Mapping[str, Any]) -> str:
    """Return the reliability diagrams' numbers as a Markdown table, one row a bin."""
    mixes = _mixes(metrics)
    head = ["probability said", *(name for mix, _ in mixes for name in (f"{mix}: share", "pairs"))]
    lines = [_row(head), "|---" * len(head) + "|"]
    rows = [{row["start"]: row for row in found["table"]} for _, found in mixes]
    for start in sorted(set().union(*rows)):
        found = [row.get(start) for row in rows]
        end = next(row["end"] for row in found if row)
        cells = [
            cell
            for row in found
            for cell in ((f"{row['relevant']:.3f}", f"{row['pairs']:,}") if row else ("", "0"))
        ]
        lines.append(_row([f"{start:.3f} to {end:.3f}", *cells]))
    return "\n".join(lines) + "\n"


def _mixes(metrics: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return each mix of pairs by what it is called, with its figures."""
    calibration = metrics["calibration"]
    hard = calibration.get("hard", {}).items()

    def ratio(found: Mapping[str, Any]) -> str:
        share = found.get("relevant", 0)  # of few documents there are no more to draw
        most = calibration["negatives"]
        return f"1 to {min(most, round(1 / share) - 1) if share else most}"

    return [
        (f"{ratio(calibration)} sampled", calibration),
        *((f"{ratio(found)} that {name} ranks first", found) for name, found in hard),
    ]


def _interval(value: Mapping[str, float]) -> str:
    return f"{value['mean']:.3f} ({value['low']:.3f}-{value['high']:.3f})"


def _row(cells: Iterable[str]) -> str:
    flat = (" ".join(cell.replace("|", "/").replace("<", "&lt;").split()) for cell in cells)
    return "| " + " | ".join(flat) + " |"


def _quoted(text: str) -> str:
    return shortened(text, QUOTED)


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
        lines.append(_row(map(str, cells)))
    head = f"**{kind}**: the wanted document comes first in {right} of {len(examples)}.\n\n"
    return head + "\n".join(lines) + "\n"
