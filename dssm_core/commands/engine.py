"""The options of commands whose tasks may run on other machines."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dssm_core.engines import Engine


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add --engine, --address and --workers."""
    group = parser.add_argument_group("where the work is done")
    group.add_argument(
        "--engine",
        default="local",
        help="local, in this process, or ray, on several processes or machines (local)",
    )
    group.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="a Ray cluster that is running (without it, Ray is started on this machine)",
    )
    group.add_argument(
        "--workers", type=int, metavar="N", help="tasks that run at once (one for each CPU)"
    )


def engine_of(options: argparse.Namespace) -> AbstractContextManager[Engine]:
    """Return the engine that the options of `add_engine` name."""
    from dssm_core.engines import open_engine

    return open_engine(options.engine, options.address, options.workers)
