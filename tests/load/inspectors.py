"""Several people on Inspect, each with many pairs: how fast is an edit, and does memory stay flat?

    python -m tests.load.inspectors --sessions 10 --pairs 100000 --minutes 5 --json inspect.json

1. A copy of debian-packages gets that many pairs: each of its 2,000 queries with as many of its
   documents, the right one among them. The page is started as `streamlit run` does it.
   With `--files` each person loads a file of so many pairs that nobody else has, and the time is
   taken from then on.
2. One person opens Inspect, then moves the threshold or searches the errors, and waits each time
   until the page is at rest, the causes of the errors found.
3. The page is started anew, with nothing scored. All come at once and do the same; the server's
   memory is read once a second.
4. All leave. Streamlit keeps a session for two minutes, for somebody who comes back, and drops it
   when the next person comes: then the memory is read again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dssm_core.corpus.pairs import read_pairs
from tests.load.crowd import MODEL, Reading, emptied, machine, slope, watch
from tests.load.serving import Server, serving
from tests.load.visitor import VisitError, mark, visit

COSINE, SEARCH, FILE = "… as a cosine", "Search in query and document", "A file of pairs"
"""The fields, as they are labelled in English."""

PATIENCE = 300.0
"""Seconds that a person waits for the page."""

KEPT = 130.0
"""Seconds after which a session that was left is old enough to be dropped."""


@dataclass
class Seen:
    """What some people saw: seconds until the page was at rest, and what went wrong.

    Attributes:
        opened: from the address to all pairs scored.
        moved: from another threshold.
        searched: from a word typed into the search.
        errors: in words.
    """

    opened: list[float] = field(default_factory=list)
    moved: list[float] = field(default_factory=list)
    searched: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def numbers(self) -> dict[str, Any]:
        """Return median and 95th percentile of each, and how many there were."""
        times = {"opened": self.opened, "moved": self.moved, "searched": self.searched}
        found: dict[str, Any] = {
            name: [*np.percentile(seconds or [np.nan], [50, 95]).tolist(), len(seconds)]
            for name, seconds in times.items()
        }
        return {**found, "errors": self.errors}


def many_pairs(number: int) -> pd.DataFrame:
    """Return some `number` pairs of the held-out ones."""
    pairs = read_pairs((MODEL / "pairs.csv").read_bytes(), "pairs.csv")
    each, size = -(-number // len(pairs)), len(pairs)
    rows = np.repeat(np.arange(size), each)
    other = (rows + np.tile(np.arange(each), size)) % size
    texts = {
        "query": pairs["query"].to_numpy()[rows],
        "document": pairs["document"].to_numpy()[other],
    }
    frame = pd.DataFrame({**texts, "label": (rows == other).astype(int)})
    return frame.head(number)


def own_file(number: int, person: int) -> bytes:
    """Return a file of pairs that no other person has: of queries that end in the person's mark."""
    frame = many_pairs(number)
    frame["query"] += f" {mark(person)}"
    content: bytes = frame.to_csv(index=False).encode()
    return content


async def inspect(
    server: Server, number: int, seen: Seen, edits: float, until: float, asked: argparse.Namespace
) -> None:
    """Be one person: open the page, perhaps load a file, then move the threshold or search."""
    chance, name = random.Random(number), mark(number)
    words = ["library", "python", "tool", "server", "font", "game", ""]
    try:
        started = time.monotonic()
        visitor = await visit(server.address, name, page="inspect")
        await visitor.ready(PATIENCE)
        if asked.files:
            file, started = own_file(asked.pairs, number), time.monotonic()
            await visitor.upload(FILE, f"{name}.csv", file)
            await visitor.ready(PATIENCE)
        seen.opened.append(time.monotonic() - started)
        while edits > 0 and time.monotonic() < until:
            await asyncio.sleep(chance.uniform(0.5, 1.5) * asked.pace)
            is_move, started = chance.random() < 0.5, time.monotonic()
            if is_move:
                await visitor.type(COSINE, round(chance.uniform(0.2, 0.6), 3))
            else:
                await visitor.type(SEARCH, chance.choice(words))
            await visitor.ready(PATIENCE)
            (seen.moved if is_move else seen.searched).append(time.monotonic() - started)
            edits -= 1
        await visitor.close()
    except (VisitError, OSError) as error:
        seen.errors.append(f"{name}: {error}")


async def one(server: Server, asked: argparse.Namespace) -> dict[str, Any]:
    """Let one person come; return what was seen."""
    seen = Seen()
    await inspect(server, 0, seen, asked.alone, float("inf"), asked)
    return {"alone": seen.numbers(), "memory alone": server.memory()}


async def many(server: Server, asked: argparse.Namespace) -> dict[str, Any]:
    """Let all come; return what was seen."""
    crowd, readings = Seen(), list[Reading]()
    watching = asyncio.create_task(watch(server, readings))
    end = time.monotonic() + 60 * asked.minutes
    people = (
        inspect(server, number, crowd, float("inf"), end, asked)
        for number in range(1, asked.sessions + 1)
    )
    await asyncio.gather(*people)
    memory = list(readings)
    if left := await emptied(server):
        crowd.errors.append(f"{left} sessions are left over")
    await asyncio.sleep(3)
    left_behind = readings[-1]
    await asyncio.sleep(KEPT)
    last = await visit(server.address, mark(asked.sessions + 1))
    await last.ready(PATIENCE)
    await last.close()
    await asyncio.sleep(3)
    watching.cancel()
    crowd.errors += server.errors()
    half = memory[len(memory) // 2 :]
    points = {"before": memory[0], "half": half[0], "end": half[-1]}
    points |= {"left": left_behind, "dropped": readings[-1]}
    return {
        "crowd": crowd.numbers(),
        "memory": {name: asdict(point) for name, point in points.items()},
        "slope": slope(half),
    }


def markdown(found: dict[str, Any]) -> str:
    """Return a report as a table."""
    asked, memory = found["asked"], found["memory"]

    def times(name: str) -> str:
        rows: Sequence[Sequence[float]] = found["alone"][name], found["crowd"][name]
        return " | ".join(f"{p50:.2f} and {p95:.2f} s ({n})" for p50, p95, n in rows)

    lines = [
        f"| p50 and p95 until the page is at rest (how often) | alone | {asked['sessions']} |",
        "|---|---|---|",
        f"| opened, {asked['pairs']:,} pairs scored | {times('opened')} |",
        f"| threshold moved, causes found | {times('moved')} |",
        f"| errors searched | {times('searched')} |",
        "",
        f"errors: {len(found['crowd']['errors']) + len(found['alone']['errors'])}",
        f"MiB with one: {found['memory alone']:.0f}; with all: "
        + ", ".join(f"{name} {point['memory']:.0f}" for name, point in memory.items()),
        f"growth of memory in the last half: {found['slope']:+.1f} MiB a minute",
        found["machine"],
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--alone", type=int, default=10, help="edits of one session before")
    parser.add_argument("--pace", type=float, default=5.0, help="seconds from answer to edit")
    parser.add_argument("--files", action="store_true", help="each loads a file of its own")
    parser.add_argument("--json", type=Path, help="the file to write everything to")
    asked = parser.parse_args()
    found: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="dssm-load-") as folder:
        model = Path(folder) / "models" / "debian-packages"
        shutil.copytree(MODEL, model)
        if not asked.files:
            many_pairs(asked.pairs).to_csv(model / "pairs.csv", index=False)
        for act in (one, many):
            with serving(DSSM_MODELS=f"{folder}/models") as server:
                found |= asyncio.run(act(server, asked))
    found["asked"] = {name: value for name, value in vars(asked).items() if name != "json"}
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))
    print(markdown(found))
    for error in [*found["alone"]["errors"], *found["crowd"]["errors"]][:20]:
        print(error)


if __name__ == "__main__":
    main()
