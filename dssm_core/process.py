"""Switches of the whole process, each with the reason for it.

A library should leave its process alone. These cannot be set for one call or one object; they
are together here, so that whoever embeds this package sees what it changes, and when.
"""

from __future__ import annotations

import csv
import ctypes
import gc
import os
import secrets
import sys
from importlib import import_module


def read_long_cells(characters: int) -> None:
    """Let `csv` read cells of so many characters; called before a table is read.

    Its own limit of 131,072 would refuse a long document with a message that names no line.
    """
    csv.field_size_limit(max(csv.field_size_limit(), characters))


def use_one_thread() -> None:
    """Keep NumPy's matrix products on one thread; called when a model is loaded into NumPy.

    OpenBLAS's threads wait for each other at every product. On a busy machine these small ones
    then take ten times as long; on a quiet one a second thread saves next to nothing.
    """
    core = import_module("numpy._core._multiarray_umath")
    library = ctypes.CDLL(core.__file__)  # finds what it is linked against, too
    for name in ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads"):
        if hasattr(library, name):  # other libraries, such as Apple's, see to it themselves
            getattr(library, name)(1)


def freeze_garbage() -> None:
    """Keep what is loaded by now out of garbage collection; called by the page after a model.

    Streamlit collects garbage after every run, and need not look through the libraries each time.
    """
    gc.collect()
    gc.freeze()


def prepare_for_ray(is_own: bool) -> None:
    """Set what Ray reads from the environment as it is imported: no telemetry, and a login.

    A Ray that is started here listens on all of the machine's addresses and runs what it is sent.
    With a token of this process, nobody else is let in. (Where somebody imported Ray before, it no
    longer reads them, and the processes that it starts must not either.)

    Args:
        is_own: whether Ray is started here; a cluster's token is given by whoever runs it.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if is_own and "ray" not in sys.modules:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def prepare_for_lance() -> None:
    """Keep LanceDB from warning, on standard error, of tables that it is about to make."""
    os.environ.setdefault("LANCEDB_LOG", "error")
