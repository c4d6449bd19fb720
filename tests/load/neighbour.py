"""One visitor scores long texts without end: how long does another wait for a short edit?

    python -m tests.load.neighbour --edits 40 --json neighbour.json

1. The page is started as `streamlit run` does it. One visitor makes short edits alone.
2. The same visitor makes them beside one who scores long texts, again and again without a pause.

The two take turns, so that what else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
from pathlib import Path
from typing import Any

from dssm_core.corpus.pairs import read_pairs
from tests.load.crowd import MODEL, machine, seconds
from tests.load.people import LINES, Pair, Record, Typist, stay
from tests.load.serving import Server, serving
from tests.load.visitor import VisitError, Visitor, mark, visit

TURNS = 4
"""How often both are measured."""


async def score_without_end(visitor: Visitor, texts: list[str], asked: argparse.Namespace) -> None:
    """Paste other long documents as soon as the last ones are scored."""
    chance = random.Random(0)
    while True:
        documents = []
        for _ in range(asked.documents):
            words = " ".join(chance.choices(texts, k=1 + asked.characters // 100))
            documents.append(words[: asked.characters])
        await visitor.type(LINES, "\n".join(documents))
        await visitor.until(lambda: not visitor.is_running)
        asked.scored += 1


async def run(server: Server, asked: argparse.Namespace) -> dict[str, Any]:
    """Measure short edits alone and beside the long texts, in turns."""
    pairs = read_pairs((MODEL / "pairs.csv").read_bytes(), "pairs.csv")
    texts: list[Pair] = list(zip(pairs["query"], pairs["document"], strict=True))
    alone, beside = Record(), Record()
    heavy = await visit(server.address, mark(0))
    await heavy.ready(600)  # loading takes long on a busy machine
    edits = math.ceil(asked.edits / TURNS)
    for number in range(1, TURNS + 1):
        await stay(server.address, Typist(number, texts), alone, edits, math.inf, asked.pace)
        task = asyncio.create_task(score_without_end(heavy, list(pairs["document"]), asked))
        await stay(server.address, Typist(number, texts), beside, edits, math.inf, asked.pace)
        if task.done():
            await task
        task.cancel()
        await heavy.until(lambda: not heavy.is_running)
    await heavy.close()
    errors = [*alone.errors, *beside.errors, *server.errors()]
    if errors:
        raise VisitError("; ".join(errors[:5]))
    found = {"alone": seconds(alone.answers), "beside": seconds(beside.answers)}
    return {**found, "long scorings": asked.scored}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edits", type=int, default=40, help="short edits, alone and beside")
    parser.add_argument("--documents", type=int, default=20, help="long documents")
    parser.add_argument("--characters", type=int, default=90_000, help="of a long document")
    parser.add_argument("--pace", type=float, default=0.5, help="seconds from answer to edit")
    parser.add_argument("--json", type=Path, help="the file to write everything to")
    asked = parser.parse_args()
    asked.scored = 0
    with serving() as server:
        found = {"machine": machine(), **asyncio.run(run(server, asked))}
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))
    print(f"{asked.documents} documents of {asked.characters:,} characters")
    print("| seconds from a short edit to its answer | p50 | p95 |\n|---|---|---|")
    for name in ("alone", "beside"):
        print(f"| {name} | {found[name]['p50']:.2f} | {found[name]['p95']:.2f} |")
    print(f"\n{found['long scorings']} long scorings. {found['machine']}")


if __name__ == "__main__":
    main()
