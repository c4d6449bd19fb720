"""`score`, `evaluate` and `robustness`: one query, a file of them, and the same files changed."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dssm_core.commands.engine import add_engine, engine_of
from dssm_core.commands.files import add_model, add_reading, choices_of, read_labelled, read_lines
from dssm_core.commands.html import add_strip, html_counted, html_said, without_html
from dssm_core.commands.output import json_text, log_of
from dssm_core.errors import UserError
from dssm_core.words import ENGLISH, Sentence

if TYPE_CHECKING:
    import numpy as np

    from dssm_core.commands.files import Commands
    from dssm_core.corpus.judged import Judged
    from dssm_core.evaluation import Collection, Fusion
    from dssm_core.evaluation.ranking import Keep
    from dssm_core.folder import ModelFolder
    from dssm_core.towers import ScoredToken, Towers


def add(commands: Commands) -> None:
    """Add these commands to the parser's."""
    _add_evaluate(commands)
    _add_robustness(commands)
    _add_score(commands)


def _add_evaluate(commands: Commands) -> None:
    evaluate = commands.add_parser(
        "evaluate", help="measure a model and BM25 on a file of pairs, or on a judged collection"
    )
    add_model(evaluate)
    evaluate.add_argument(
        "--pairs",
        type=Path,
        help="file of pairs; every document of the file is a candidate for every query",
    )
    _add_collection(evaluate)
    evaluate.add_argument(
        "--run",
        type=Path,
        help="TREC run file to write (of --fuse, if given); with --pairs also FILE.qrels",
    )
    evaluate.add_argument(
        "--fuse",
        choices=("bm25", "bm25-rrf"),
        help="add model and BM25 together: weighted sum (bm25) or reciprocal ranks (bm25-rrf)",
    )
    evaluate.add_argument(
        "--validation", type=Path, help="pairs to fit the weight of --fuse bm25 on"
    )
    evaluate.add_argument("--against", type=Path, help="another model folder to compare with")
    evaluate.add_argument(
        "--seed", type=int, default=0, help="random seed of bootstrap and sampled negatives (0)"
    )
    evaluate.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="measure --qrels shard by shard, in this folder: for documents that no memory holds",
    )
    add_engine(evaluate)
    add_reading(evaluate)
    evaluate.add_argument("--json", action="store_true", help="print JSON")
    evaluate.set_defaults(command=_evaluate, writes="work")


def _add_collection(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument("--qrels", type=Path, help="TREC or BEIR judgements, in place of --pairs")
    evaluate.add_argument(
        "--corpus",
        type=Path,
        help="documents of --qrels: BEIR's JSONL; or a table of ids and texts, of tabs or (.csv) "
        "commas, with or without a header",
    )
    evaluate.add_argument(
        "--queries", type=Path, help="queries of --qrels, in the same form as --corpus"
    )
    evaluate.add_argument(
        "--leave-out-own",
        action="store_true",
        help="where a query's id is a document's id, too, that document is no candidate for it",
    )


def _add_robustness(commands: Commands) -> None:
    robustness = commands.add_parser(
        "robustness",
        help="how often typos, word order, case, synonyms and more turn a success into a failure",
    )
    add_model(robustness)
    robustness.add_argument("--pairs", type=Path, required=True, help="held-out pairs")
    robustness.add_argument("--seed", type=int, default=0, help="random seed of the changes (0)")
    add_reading(robustness)
    robustness.add_argument("--json", action="store_true", help="print JSON")
    robustness.set_defaults(command=_robustness)


def _add_score(commands: Commands) -> None:
    score = commands.add_parser("score", help="score documents against a query")
    add_model(score)
    score.add_argument("--query", required=True, help="the query's text")
    score.add_argument(
        "--docs", type=Path, required=True, help="text file, one document a line; - reads stdin"
    )
    add_strip(score)
    score.add_argument("--json", action="store_true", help="print JSON")
    score.set_defaults(command=_score)


def _evaluate(options: argparse.Namespace) -> None:
    from dssm_core.evaluation import FUSED, evaluate_collection
    from dssm_core.folder import ModelFolder
    from dssm_core.runtimes.load import load_towers

    if options.work or options.engine != "local" or options.address or options.workers is not None:
        _evaluate_shards(options)
        return
    judged = _judged(options)
    collection, columns, reading = _collection(options, judged)
    folder = ModelFolder.open(options.model)
    rival = ModelFolder.open(options.against) if options.against else None
    towers = load_towers(folder)
    fusion = _fusion(options, folder, towers)
    tag = f"{folder.name}+{options.fuse}" if fusion else folder.name
    with _run_file(options.run, collection, FUSED if fusion else "model", tag) as keep:
        metrics = evaluate_collection(
            *(towers, collection, options.seed, True, fusion),
            {str(options.against): load_towers(rival)} if rival else {},
            columns,
            keep,
        )
    html = html_said((*collection.queries, *collection.documents))
    _print_metrics(options, metrics, judged, reading, html)


def _evaluate_shards(options: argparse.Namespace) -> None:
    """Measure a collection in the folder of --work."""
    from dssm_core.bulk.evaluate import Files, evaluate_files
    from dssm_core.corpus.markup import strip_markup
    from dssm_core.folder import ModelFolder
    from dssm_core.runtimes.load import towers_at

    if options.work is None:
        raise UserError("evaluate.no work")
    if options.run:
        raise UserError("evaluate.no run")
    files = options.qrels, options.queries, options.corpus
    if options.pairs or not all(files):
        raise UserError("evaluate.only collection")
    clean = strip_markup if options.strip_html else None
    folder = ModelFolder.open(options.model)
    models = {"model": folder}
    if options.against:
        models[str(options.against)] = ModelFolder.open(options.against)
    fusion = _fusion(options, folder, towers_at(folder.path.resolve()))
    with engine_of(options) as engine:
        found = evaluate_files(
            Files(*files, _least(options), options.leave_out_own, clean),
            *(models, options.work, options.seed, fusion),
            log_of(options, sys.stderr),
            engine,
        )
    texts = found.metrics["queries"] + found.metrics["documents"]
    html = html_counted(found.html, texts)
    _print_metrics(options, found.metrics, found.judged, found.judged.to_dict(), html)


def _print_metrics(
    options: argparse.Namespace,
    metrics: dict[str, Any],
    judged: Judged | None,
    reading: dict[str, Any],
    html: Sentence,
) -> None:
    from dssm_core.card import calibration_lines, fusion_note, metrics_table, significance

    if options.json:
        html_found = {"html_texts": html.values["number"], "html_stripped": options.strip_html}
        metrics = {**metrics, "reading": {**reading, **html_found}}
        print(json_text(metrics))
        return
    said = [
        *(judged.sentences() if judged else []),
        *([html] if judged and html.values["number"] else []),
    ]
    print("".join(f"{sentence.text(ENGLISH)}\n" for sentence in said), end="")
    print(f"{metrics['queries']:,} queries, each against {metrics['documents']:,} documents\n")
    print(metrics_table(metrics) + fusion_note(metrics) + significance(metrics))
    print("\n".join(calibration_lines(metrics)))


def _judged(options: argparse.Namespace) -> Judged | None:
    """Return the collection of --qrels; None where it is --pairs that are measured on."""
    from dssm_core.corpus.judged import Judged

    files = options.qrels, options.queries, options.corpus
    if bool(options.pairs) == any(files) or (any(files) and not all(files)):
        given = [n for n in ("pairs", "qrels", "corpus", "queries") if getattr(options, n)]
        raise UserError("evaluate.unclear source", ", ".join(given) or "–")
    if options.pairs:
        return None
    return Judged.read(*files, _least(options), options.leave_out_own)


def _least(options: argparse.Namespace) -> int:
    return 1 if options.min_grade is None else math.ceil(options.min_grade)


def _collection(
    options: argparse.Namespace, judged: Judged | None
) -> tuple[Collection, dict[str, list[str]], dict[str, Any]]:
    """Return what to measure on, the columns of --pairs that group its queries, and the reading."""
    from dssm_core.evaluation import Collection, telling_columns

    if judged is None:
        pairs, reading = read_labelled(options.pairs, options)
        collection = Collection.of(pairs)
        return collection, telling_columns(pairs, collection), reading
    queries, documents = judged.queries.texts, judged.documents.texts
    if options.strip_html:
        queries = dict(zip(queries, without_html(queries.values()), strict=True))
        documents = dict(zip(documents, without_html(documents.values()), strict=True))
    ways = judged.min_grade, judged.leave_out_own
    return Collection.judged(queries, documents, judged.grades, *ways), {}, judged.to_dict()


def _fusion(options: argparse.Namespace, folder: ModelFolder, towers: Towers) -> Fusion | None:
    """Return how --fuse says to fuse: with the weight fitted now, the model's own, or ours."""
    from dssm_core.corpus.pairs import read_pairs
    from dssm_core.evaluation import Fusion, fit_weight

    if options.validation and options.fuse != "bm25":
        raise UserError("evaluate.validation without fuse")
    if not options.fuse:
        return None
    weight = folder.metrics.get("fusion", {}).get("weight")
    if options.validation:
        pairs = read_pairs(options.validation, choices=choices_of(options))
        if "split" in pairs:
            pairs = pairs[pairs["split"] == "validation"]
        weight = fit_weight(towers, pairs)
    return Fusion(options.fuse, weight)


@contextmanager
def _run_file(
    path: Path | None, collection: Collection, wanted: str, tag: str
) -> Iterator[Keep | None]:
    """Give what writes one system's rows to a run file, qrels beside it; None without a path."""
    from dssm_core.corpus.trec import run_lines
    from dssm_core.files import whole_file, write_whole

    if path is None:
        yield None
        return
    if not collection.grades:  # of pairs, for which there is no file of judgements
        ids = collection.document_ids
        lines = [
            f"{query} 0 {ids[document]} 1\n"
            for query, relevant in zip(collection.query_ids, collection.relevant, strict=True)
            for document in sorted(relevant)
        ]
        write_whole(path.with_name(f"{path.name}.qrels"), "".join(lines).encode())
    with whole_file(path) as file:

        def keep(system: str, query: int, order: np.ndarray, scores: np.ndarray) -> None:
            if system == wanted:
                name, documents = collection.query_ids[query], collection.document_ids
                lines = run_lines(name, order, scores, documents, tag)
                file.writelines(line.encode() for line in lines)

        yield keep


def _robustness(options: argparse.Namespace) -> None:
    from dssm_core.card import robustness_table
    from dssm_core.evaluation.robustness import measure_robustness
    from dssm_core.folder import ModelFolder
    from dssm_core.runtimes.load import load_towers

    pairs, reading = read_labelled(options.pairs, options)
    towers = load_towers(ModelFolder.open(options.model))
    figures = measure_robustness(towers, pairs, options.seed)
    if options.json:
        print(json_text({**figures, "reading": reading}))
        return
    print(robustness_table(figures))


def _score(options: argparse.Namespace) -> None:
    from dssm_core.quantities import format_number
    from dssm_core.scoring import Scorer

    query, documents = options.query, read_lines(options.docs, "--docs")
    if options.strip_html:
        (query,), documents = without_html([query]), without_html(documents)
    scores = Scorer(options.model).score(query, documents)
    if not any(token.is_read for token in scores.query.tokens):
        raise UserError("query.unread", query)
    if options.json:
        print(json_text(scores.to_dict()))
        return
    print(f"query: {query}\n       {_tokens(scores.query.tokens)}\n")
    for position, result in enumerate(scores.results, 1):
        print(f"{position}. {result.document}")
        if result.cosine is None:
            print("   nothing here that the model reads: no score\n")
            continue
        print(
            f"   rank {result.rank}  cosine {result.cosine:+.3f}"
            f"  logit {_number(result.logit, '+.3f')}"
            f"  probability {format_number(result.probability, 'probability')}"
            f"  percentile {_number(result.percentile, '.1f')}"
        )
        print(f"   {_tokens(result.tokens)}\n")


def _number(value: float | None, form: str) -> str:
    """Return a number that a model may not have, such as one without random pairs."""
    return "–" if value is None else format(value, form)


def _tokens(tokens: Sequence[ScoredToken]) -> str:
    """Return tokens with weights; ~ marks one read by its letters, - one not read, + one added."""
    marks = {"letters": "~", "truncated": "-", "skipped": "-", "prompt": "+", "special": "+"}
    return " ".join(
        f"{marks.get(t.state, '')}{t.text}"
        + ("" if t.attention is None else f"({t.attention:.2f})")
        for t in tokens
    )
