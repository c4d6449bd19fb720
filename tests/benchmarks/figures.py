"""What the benchmarks share: things timed in turns, the machine, a table and a JSON file."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any


def alternately(
    acts: Mapping[str, Callable[[int], object]], times: int, warm: int = 2
) -> dict[str, list[float]]:
    """Return the seconds of each act, done in turns so that a busy spell falls on all of them.

    Args:
        acts: by name, called with the number of the turn, from 0.
        times: turns that count.
        warm: turns before them that do not.
    """
    seconds: dict[str, list[float]] = {name: [] for name in acts}
    for turn in range(warm + times):
        for name, act in acts.items():
            started = time.perf_counter()
            act(turn)
            if turn >= warm:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def median(values: Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def resident() -> float:
    """Return the memory of this process in MiB, shared file pages included."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def machine() -> dict[str, Any]:
    """Return what the figures were measured on, and how busy it was."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "date": date.today().isoformat(),
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def print_rows(rows: list[dict[str, Any]], path: str, **more: Any) -> None:
    """Print rows as a Markdown table and write them as JSON with the machine.

    Args:
        rows: of the same keys; numbers are shown to three digits.
        path: the JSON file; empty for none.
        more: what else goes into the JSON file.
    """
    here = machine()
    print(f"{here['date']}, {here['processor']}, {here['cores']} cores, load {here['load']}\n")
    print("| " + " | ".join(rows[0]) + " |\n" + "|---" * len(rows[0]) + "|")
    for row in rows:
        print("| " + " | ".join(map(_shown, row.values())) + " |")
    if path:
        found = {"machine": here, "rows": rows, **more}
        Path(path).write_text(json.dumps(found, indent=1) + "\n")


def _shown(value: Any) -> str:
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
