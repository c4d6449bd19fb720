"""Memory and seconds of `encode` and `evaluate --work` against documents, and of `evaluate` beside.

    python -m tests.benchmarks.bulk --documents 20000 80000 --workers 2

Each row runs in a process of its own, with a Ray of its own, on generated documents of 30 words and
200 queries, with debian-packages; peak resident memory is that of the largest worker, and of the
command. "memory" is `evaluate` without shards. Workers 0 is the local engine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.engines import peak

QUERIES = 200


def main() -> None:
    """Run each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, nargs="+", default=[20_000, 80_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--what", nargs="+", default=["encode", "evaluate", "memory"])
    parser.add_argument("--one", type=Path, help="used inside: run one row in this folder")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.what[0], options.workers)))
        return
    print("| what | documents | MiB of a worker | MiB of the command | seconds |")
    print("|---|---|---|---|---|")
    for what in options.what:
        for number in options.documents:
            with tempfile.TemporaryDirectory() as folder:
                write(Path(folder), number)
                command = [sys.executable, "-m", "tests.benchmarks.bulk", "--one", folder]
                command += ["--what", what, "--workers", str(options.workers)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
            row = json.loads(done.stdout.splitlines()[-1])
            cells = [f"{row[name]:.0f}" for name in ("worker", "command", "seconds")]
            print(f"| {what} | {number:,} | {' | '.join(cells)} |", flush=True)


def write(folder: Path, number: int) -> None:
    """Write a judged collection of generated words."""
    rng = np.random.default_rng(0)
    words = np.array(["".join(rng.choice(list("abcdefghij"), 6)) for _ in range(20_000)])
    asked = []
    with (folder / "corpus.jsonl").open("w") as lines:
        for i in range(number):
            text = rng.choice(words, 30)
            lines.write(json.dumps({"_id": f"d{i}", "text": " ".join(text)}) + "\n")
            if i < QUERIES:
                asked.append(f"q{i}\t{' '.join(text[:3])}\n")
    (folder / "queries.tsv").write_text("".join(asked))
    (folder / "qrels").write_text("".join(f"q{i} 0 d{i} 1\n" for i in range(QUERIES)))


def measure(folder: Path, what: str, workers: int) -> dict[str, float]:
    """Return peaks in MiB, and seconds less the start of Ray."""
    from dssm_core.bulk.encode import encode_texts
    from dssm_core.bulk.evaluate import Files, evaluate_files
    from dssm_core.corpus.judged import Judged
    from dssm_core.engines import LOCAL, open_engine
    from dssm_core.evaluation import Collection, evaluate_collection
    from dssm_core.folder import ModelFolder
    from dssm_core.paths import sample_model
    from dssm_core.runtimes.load import load_towers

    model = ModelFolder.open(sample_model())
    files = [folder / name for name in ("qrels", "queries.tsv", "corpus.jsonl")]

    def work(engine):
        if what == "encode":
            encode_texts(files[2], folder / "out", model, log=len, engine=engine)
        elif what == "evaluate":
            models = {"model": model}
            evaluate_files(Files(*files), models, folder / "out", log=len, engine=engine)
        else:
            judged = Judged.read(*files)
            texts = judged.queries.texts, judged.documents.texts
            evaluate_collection(load_towers(model), Collection.judged(*texts, judged.grades))

    started = time.monotonic()
    if not workers or what == "memory":
        work(LOCAL)
        return {"worker": 0, "command": peak(0), "seconds": time.monotonic() - started}
    with open_engine("ray", workers=workers) as engine:
        list(engine.map(peak, range(4 * workers)))  # processes are up
        started = time.monotonic()
        work(engine)
        took = time.monotonic() - started
        worker = max(engine.map(peak, range(4 * workers)))
    return {"worker": worker, "command": peak(0), "seconds": took}


if __name__ == "__main__":
    main()
