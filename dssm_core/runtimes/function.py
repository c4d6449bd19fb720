"""An encoder that is a Python function of an installed package: an entry point, `dssm.encoders`.

Its package says so in its pyproject.toml, and it is then `function:mine`:

    [project.entry-points."dssm.encoders"]
    mine = "my_package.encoder:encode"

It is a callable from texts to an array [N, E]; or an object with encode_query and encode_document;
or one with encode(texts, side). It is trusted as any installed package is, but for its mistakes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import numpy as np

from dssm_core.errors import UserError
from dssm_core.runtimes.encoder import Facts, Reading, identify, read_words
from dssm_core.towers import Side

GROUP = "dssm.encoders"

Function = Callable[[Sequence[str], Side], Any]
"""From texts and their side to what should be an array [N, E]."""


@dataclass(frozen=True)
class FunctionEncoder:
    """A function, as `Embedder`.

    Attributes:
        facts: what is known of it.
        vectors: calls it.
        batch: texts of a call.
    """

    facts: Facts
    vectors: Callable[[Sequence[str], Side], np.ndarray]
    batch: int = 32

    def read(self, text: str, prompt: str, side: Side) -> Reading:
        """Return a text as the function gets it."""
        return read_words(text, prompt)

    def embed(self, readings: Sequence[Reading], side: Side) -> tuple[np.ndarray, None]:
        """Return vectors."""
        return self.vectors([reading.sent for reading in readings], side), None


def open_function(name: str) -> FunctionEncoder:
    """Open a function: import it, and ask it for a few vectors.

    Args:
        name: of an entry point in the group `dssm.encoders`.

    Raises:
        UserError: if there is none, or it fails, or returns something else than vectors.
    """
    point = _entry_point(name)
    vectors = _guarded(point)
    package = [point.dist.name, point.dist.version] if point.dist else []
    digits, samples = identify(vectors, name, *package)
    facts = Facts(name, "function", digits, samples.shape[1], (point.value,), samples=samples)
    return FunctionEncoder(facts, vectors)


def _entry_point(name: str) -> EntryPoint:
    points = list(entry_points(group=GROUP))
    found = [point for point in points if point.name == name]
    if not found:
        raise UserError("encoder.no function", ", ".join(p.name for p in points), name=name)
    if len(found) > 1:
        packages = ", ".join(point.value for point in found)
        raise UserError("encoder.two functions", packages, name=name)
    return found[0]


def _guarded(point: EntryPoint) -> Callable[[Sequence[str], Side], np.ndarray]:
    """Return an entry point's function, one call at a time, with its exceptions as UserError."""
    lock = threading.Lock()  # few encoders may be called from several threads
    try:
        function = _as_function(point.load())
    except (Exception, SystemExit) as error:
        raise _failed(point.name, error) from error

    def vectors(texts: Sequence[str], side: Side) -> np.ndarray:
        try:
            with lock:
                return np.asarray(function(list(texts), side))
        except (Exception, SystemExit) as error:
            raise _failed(point.name, error) from error

    return vectors


def _as_function(found: Any) -> Function:
    """Return what an entry point holds as a function of texts and their side."""
    if hasattr(found, "encode_query") and hasattr(found, "encode_document"):
        sides: dict[Side, Callable[[Sequence[str]], Any]]
        sides = {"query": found.encode_query, "document": found.encode_document}
        return lambda texts, side: sides[side](texts)
    if hasattr(found, "encode"):
        return lambda texts, side: found.encode(texts, side)
    return lambda texts, side: found(texts)


def _failed(name: str, error: BaseException) -> UserError:
    return UserError("encoder.function failed", f"{type(error).__name__}: {error}", name=name)
