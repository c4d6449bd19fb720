"""Many visitors at once: each gets its own answers, how fast, and does memory stay flat?

    python -m tests.load.crowd --sessions 50 --minutes 5 --json crowd.json

1. The page is started as `streamlit run` does it; one visitor waits for the model and edits.
2. The crowd comes. Each visitor edits its query or a document, waits for the answer, thinks, and
   edits again; the server's memory is read once a second.
3. The crowd leaves. The same model, loaded here, says what every number should have been.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import platform
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dssm_core.corpus.pairs import read_pairs
from dssm_core.folder import ModelFolder
from dssm_core.runtimes.load import load_towers
from tests import ROOT
from tests.load.people import Pair, Record, Typist, count_wrong, stay
from tests.load.serving import Server, serving
from tests.load.visitor import Answer, mark, visit

MODEL = ROOT / "sample_models" / "debian-packages"
"""What the page opens with."""


@dataclass(frozen=True)
class Reading:
    """The server at one moment: seconds since the crowd came, MiB of memory, threads."""

    second: float
    memory: float
    threads: int


async def watch(server: Server, readings: list[Reading]) -> None:
    """Read the server's memory and threads once a second."""
    started = time.monotonic()
    while True:
        second = time.monotonic() - started
        readings.append(Reading(second, server.memory(), server.threads()))
        await asyncio.sleep(1)


def slope(readings: Sequence[Reading]) -> float:
    """Return by how many MiB a minute the server's memory grew."""
    minutes, memory = [r.second / 60 for r in readings], [r.memory for r in readings]
    return float(np.polyfit(minutes, memory, 1)[0])


async def emptied(server: Server) -> int:
    """Wait until all sessions have ended; return how many have not after half a minute."""
    left = 0
    for _ in range(30):  # a session ends when the run that it is in does
        await asyncio.sleep(1)
        if not (left := await asyncio.to_thread(server.sessions)):
            break
    return left


async def run(server: Server, asked: argparse.Namespace) -> tuple[dict[str, Any], Record]:
    """Let one visitor come, then the crowd; return what was seen, and the crowd's record."""
    pairs = read_pairs((MODEL / "pairs.csv").read_bytes(), "pairs.csv")
    texts: list[Pair] = list(zip(pairs["query"], pairs["document"], strict=True))
    alone, crowd, readings = Record(), Record(), list[Reading]()
    first = await visit(server.address, mark(0))
    await first.ready(600)  # loading takes long on a busy machine
    await first.close()
    await stay(server.address, Typist(0, texts), alone, asked.alone, math.inf, asked.pace)
    watching = asyncio.create_task(watch(server, readings))
    started, used, end = time.monotonic(), time.process_time(), 60 * asked.minutes

    async def come(number: int) -> None:
        await asyncio.sleep(random.Random(number).uniform(0, 2 * asked.pace))
        typist = Typist(number, texts)
        await stay(server.address, typist, crowd, math.inf, started + end, asked.pace)

    await asyncio.gather(*(come(number) for number in range(1, asked.sessions + 1)))
    busy = (time.process_time() - used) / (time.monotonic() - started)
    if left := await emptied(server):
        crowd.errors.append(f"{left} sessions are left over")
    await asyncio.sleep(3)
    watching.cancel()
    crowd.errors += [*alone.errors, *server.errors()]
    half = [reading for reading in readings if end / 2 <= reading.second <= end]
    seen = {
        "alone": seconds(alone.answers),
        "crowd": {
            "edits": len(crowd.answers),
            **seconds(crowd.answers),
            "messages": crowd.messages,
            "MiB": crowd.size / 2**20,
            "errors": len(crowd.errors),
            "first errors": crowd.errors[:20],
            "texts of others": sorted(crowd.strangers),
        },
        "server": {
            "models": Counter(server.models()),
            "slope": slope(half),
            "before": asdict(readings[0]),
            "half": asdict(half[0]),
            "end": asdict(half[-1]),
            "after": asdict(readings[-1]),
            "most threads": max(reading.threads for reading in readings),
        },
        "visitors": busy,
        "readings": [asdict(reading) for reading in readings[::5]],
    }
    return seen, crowd


def seconds(answers: Sequence[Answer]) -> dict[str, float]:
    """Return median and 95th percentile of the seconds from edit to finished rerun."""
    p50, p95 = np.percentile([answer.seconds for answer in answers] or [np.nan], [50, 95])
    return {"p50": float(p50), "p95": float(p95)}


def machine() -> str:
    """Return what this runs on, in a sentence."""
    try:
        names = [x for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x]
        cpu = names[0].split(":")[1].strip()
    except (OSError, IndexError):
        cpu = platform.processor() or platform.machine()
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores of {cpu}, {platform.system()}; load {load:.1f} at the start."


def markdown(found: dict[str, Any]) -> str:
    """Return a report as a table."""
    asked, alone, crowd, server = (found[key] for key in ("asked", "alone", "crowd", "server"))
    points = [server[key] for key in ("before", "half", "end", "after")]
    memory = " → ".join(f"{point['memory']:.0f}" for point in points)
    threads = [points[0]["threads"], server["most threads"], points[3]["threads"]]
    loads = ", ".join(f"{name}: {number}" for name, number in server["models"].items())
    times = "{p50:.2f} s, {p95:.2f} s"
    rows = {
        "edits answered": f"{crowd['edits']:,}",
        "errors, lost connections, timeouts": crowd["errors"],
        "texts of others in the messages of a session": len(crowd["texts of others"]),
        "answers with a number that is not of their texts": found["wrong"],
        "edit to finished rerun, one session alone: p50, p95": times.format_map(alone),
        "edit to finished rerun, in the crowd: p50, p95": times.format_map(crowd),
        "p95 in the crowd to p95 alone": f"{crowd['p95'] / alone['p95']:.1f}",
        "how often each model was loaded": loads,
        "memory before, half-way, at the end, after": f"{memory} MiB",
        "growth of memory in the last half": f"{server['slope']:+.1f} MiB a minute",
        "threads before, at most, after": " → ".join(map(str, threads)),
        "messages to the crowd": f"{crowd['messages']:,}, {crowd['MiB']:,.0f} MiB",
        "one core's share that the visitors took": f"{found['visitors']:.0%}",
    }
    head = "{sessions} sessions, {minutes:g} minutes, {pace:g} s from answer to edit"
    lines = [f"| {head.format_map(asked)} | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join([*lines, "", found["machine"]])


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--alone", type=int, default=30, help="edits of one session before")
    parser.add_argument("--pace", type=float, default=5.0, help="seconds from answer to edit")
    parser.add_argument("--json", type=Path, help="the file to write everything to")
    asked = parser.parse_args()
    found: dict[str, Any] = {"machine": machine()}
    with serving() as server:
        seen, crowd = asyncio.run(run(server, asked))
    wrong = count_wrong(crowd.answers, load_towers(ModelFolder.open(MODEL)))
    values = {name: value for name, value in vars(asked).items() if name != "json"}
    found |= {"asked": values, **seen, "wrong": wrong}
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))
    print(markdown(found))
    for error in found["crowd"]["first errors"]:
        print(error)


if __name__ == "__main__":
    main()
