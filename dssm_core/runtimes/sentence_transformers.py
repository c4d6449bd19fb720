"""Folders that sentence-transformers, transformers, optimum and model2vec write, without torch.

A folder is data: JSON, safetensors, tokenizer.json and ONNX. Its modules are applied in their
order, and one that is not known here is refused by name: a module left out in silence gives
numbers that look right and are not.

Source: sentence-transformers, modules.json and router_config.json as of 6.2; model2vec,
persistence/datamodels.py; optimum's ONNX export.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dssm_core.errors import UserError
from dssm_core.runtimes.bert import Bert
from dssm_core.runtimes.encoder import SIDES, Facts, Reading, fingerprint, no_prompts
from dssm_core.runtimes.onnx import OnnxEncoder, find_onnx
from dssm_core.runtimes.pieces import PieceReader
from dssm_core.runtimes.pooling import Pooling, Step, dense, layer_norm, normalise, pad
from dssm_core.runtimes.tensors import read_tensors
from dssm_core.towers import Side

MAX_JSON = 4_000_000
"""Bytes of a configuration."""
LENGTH_FILES = (
    "sentence_bert_config.json",
    *(f"sentence_{kind}_config.json" for kind in ("roberta", "distilbert", "camembert", "albert")),
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)
"""Where the longest text stands, by the architecture that wrote it."""
DOCUMENT_PROMPTS = ("document", "passage", "corpus")
"""Names of a document's prompt, in sentence-transformers' own order."""


class Body(Protocol):
    """From ids to vectors: of pieces [N, T, H], or of texts [N, E], with attention if there is."""

    @property
    def width(self) -> int:
        """Return H or E."""
        ...

    def __call__(self, ids: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Encode ids int [N, T] where mask bool [N, T] is True."""
        ...


@dataclass(frozen=True)
class Table:
    """A static embedding: a vector for each piece, whatever stands beside it.

    Attributes:
        rows: float32 [ids, E], already weighted.
    """

    rows: np.ndarray

    @property
    def width(self) -> int:
        """E."""
        return int(self.rows.shape[1])

    def __call__(self, ids: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, None]:
        """Return each piece's vector."""
        return self.rows[ids], None


@dataclass(frozen=True)
class Tower:
    """One side's way from a text to a vector.

    Attributes:
        reader: cuts texts.
        body: computes the vectors of pieces.
        pooling: makes one of them; None where the body does.
        steps: what follows.
        modules: all of it, in words.
        has_attention: whether the body gives weights.
    """

    reader: PieceReader
    body: Body
    pooling: Pooling | None
    steps: tuple[Step, ...]
    modules: tuple[str, ...]
    has_attention: bool

    def embed(self, readings: Sequence[Reading]) -> tuple[np.ndarray, list[np.ndarray] | None]:
        """Return vectors [N, E], and the weights of each text's pieces, or None."""
        ids, mask = pad([reading.ids for reading in readings])
        vectors, attention = self.body(ids, mask)
        pooled = mask
        if self.pooling is not None:
            if not self.pooling.include_prompt:
                pooled = mask & (np.arange(mask.shape[1]) >= _prompt_ends(readings)[:, None])
            vectors = self.pooling.vectors(vectors, pooled)
        for step in self.steps:
            vectors = step(vectors)
        if attention is None or self.pooling is None:
            return vectors, None
        weights = self.pooling.weights(attention, pooled)
        return vectors, [row[: len(r.ids)] for row, r in zip(weights, readings, strict=True)]

    @cached_property
    def width(self) -> int:
        """E, of a vector."""
        return int(self.embed([self.reader.read("a", "")])[0].shape[1])


def _prompt_ends(readings: Sequence[Reading]) -> np.ndarray:
    """Return after which piece each text's prompt ends, 0 without one, [N]."""
    ends = []
    for reading in readings:
        prompt = {i for i, token in enumerate(reading.tokens) if token.state == "prompt"}
        ends.append(1 + max((p for p, o in enumerate(reading.owners) if o in prompt), default=-1))
    return np.array(ends)


@dataclass(frozen=True)
class FolderEncoder:
    """A folder's encoder, as `Embedder`.

    Attributes:
        facts: what is known of it.
        towers: its two sides, often the same.
        batch: texts at a time.
    """

    facts: Facts
    towers: Mapping[Side, Tower]
    batch: int = 32

    def read(self, text: str, prompt: str, side: Side) -> Reading:
        """Return a text as it is cut."""
        return self.towers[side].reader.read(text, prompt)

    def embed(
        self, readings: Sequence[Reading], side: Side
    ) -> tuple[np.ndarray, list[np.ndarray] | None]:
        """Return vectors, and the weights of pieces or None."""
        return self.towers[side].embed(readings)


def open_folder(folder: Path, use_onnx: bool = True) -> FolderEncoder:
    """Open a folder with modules.json, or a bare transformers, optimum or model2vec folder.

    Args:
        folder: where it is.
        use_onnx: whether its ONNX file is used, which is fast and gives no attention.

    Raises:
        UserError: naming the file or module that is missing, damaged, unsafe or not known.
    """
    folder = folder.resolve()
    return _opened(_Folder(folder, find_onnx(folder) if use_onnx else None))


def open_file(path: Path, settings: Path | None = None) -> FolderEncoder:
    """Open an ONNX file.

    Args:
        path: of the file.
        settings: the folder with tokenizer.json and, where there are such, modules.json and
            config.json; without it, the file's own folder, or the one above `onnx/`.

    Raises:
        UserError: as `open_folder`.
    """
    path = path.resolve()
    beside = path.parent.parent if path.parent.name == "onnx" else path.parent
    return _opened(_Folder((settings or beside).resolve(), path, path.stem))


def _opened(folder: _Folder) -> FolderEncoder:
    try:
        return _open(folder)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise UserError("encoder.unsupported", reason, name=folder.name) from None


def _open(folder: _Folder) -> FolderEncoder:
    sides = folder.sides()
    towers: dict[Side, Tower] = {}
    for side in SIDES:
        same = next((done for done in towers if sides[done] == sides[side]), None)
        towers[side] = towers[same] if same else folder.tower(sides[side])
    query, document = (towers[side] for side in SIDES)
    if query.width != document.width:
        raise ValueError(f"vectors of {query.width} and {document.width} numbers")
    shared = query is document
    modules = query.modules if shared else (*query.modules, "|", *document.modules)
    facts = Facts(
        folder.name,
        folder.format,
        fingerprint(sorted(set(folder.used))),
        query.width,
        modules,
        query.reader.max_length,
        "last layer" if query.has_attention and document.has_attention else "",
        folder.prompts(),
    )
    return FolderEncoder(facts, towers)


class _Folder:
    """A folder while it is opened; notes which files were used."""

    def __init__(self, path: Path, onnx: Path | None, name: str = "") -> None:
        self.path, self._onnx, self.name = path, onnx, name or path.name
        self.used: list[Path] = []
        self.format = "sentence-transformers"

    def json(self, path: Path) -> Any:
        """Return a JSON file's content."""
        if not path.is_file():
            raise UserError("encoder.no file", str(path.parent), file=path.name)
        if path.stat().st_size > MAX_JSON:
            raise UserError(
                "encoder.large file", f"{path.stat().st_size:,}", file=path.name, most=MAX_JSON
            )
        self.used.append(path)
        try:
            return json.loads(path.read_text("utf-8"))
        except (ValueError, RecursionError) as error:
            raise UserError("encoder.damaged file", str(error), file=path.name) from None

    def optional(self, path: Path) -> Any:
        """Return a JSON file's content; {} where there is none, and an ONNX file to go by."""
        return {} if self._onnx and not path.is_file() else self.json(path)

    def tensors(self, folder: Path) -> dict[str, np.ndarray]:
        """Return the weights in a folder; what is pickled is refused."""
        path = folder / "model.safetensors"
        pickled = [name for name in ("pytorch_model.bin", "model.pt") if (folder / name).is_file()]
        if pickled and not path.is_file():
            raise UserError("encoder.pickle", str(folder), file=pickled[0])
        self.used.append(path)
        return read_tensors(path)

    def sides(self) -> dict[Side, list[tuple[str, Path]]]:
        """Return each side's modules in order: kind and folder."""
        if not (self.path / "modules.json").is_file():
            return self._bare()
        listed = sorted(self.json(self.path / "modules.json"), key=lambda module: module["idx"])
        modules = [(_kind(m["type"]), _inside(self.path, m["path"])) for m in listed]
        sides: dict[Side, list[tuple[str, Path]]] = {}
        for side in SIDES:
            sides[side] = []
            for kind, path in modules:
                is_split = kind in ("Router", "Asym")
                sides[side] += self._route(path, side) if is_split else [(kind, path)]
        return sides

    def _bare(self) -> dict[Side, list[tuple[str, Path]]]:
        """Return the modules of a folder that does not list them, as its library applies them."""
        config = self.optional(self.path / "config.json")
        if config.get("model_type") == "model2vec" or "normalize" in config:
            self.format = "model2vec"
            modules = [("StaticEmbedding", self.path)]
            modules += [("Normalize", self.path)] if config.get("normalize") else []
        else:
            self.format = "transformers"
            modules = [("Transformer", self.path), ("Mean", self.path)]
        return dict.fromkeys(SIDES, modules)

    def _route(self, path: Path, side: Side) -> list[tuple[str, Path]]:
        name = "router_config.json" if (path / "router_config.json").is_file() else "config.json"
        config = self.json(path / name)
        routes = config["structure"]
        if side not in routes:
            raise ValueError(f"a router with the routes {', '.join(routes)}")
        return [(_kind(config["types"][key]), _inside(path, key)) for key in routes[side]]

    def tower(self, modules: Sequence[tuple[str, Path]]) -> Tower:
        """Return a side's tower.

        Raises:
            UserError: if a module is not known, or there is none that reads text.
        """
        (first, path), *rest = modules
        if first == "Transformer":
            reader, body, words = self._transformer(path)
        elif first == "StaticEmbedding":
            reader, body, words = self._static(path)
        else:
            raise UserError("encoder.unknown module", first, name=self.name)
        pooling = Pooling() if first == "StaticEmbedding" else None
        names, steps = [words], []
        for kind, place in rest:
            if kind in ("Pooling", "Mean"):
                if isinstance(body, OnnxEncoder) and body.is_pooled:
                    continue
                config = self.json(place / "config.json") if kind == "Pooling" else {}
                pooling = Pooling.of(config) if config else Pooling()
                names.append(f"Pooling: {' + '.join(pooling.modes)}")
            elif kind == "Dropout":  # in training only
                continue
            else:
                step, name = self._step(kind, place)
                steps.append(step)
                names.append(name)
        is_pooled = isinstance(body, OnnxEncoder) and body.is_pooled
        if pooling is None and not is_pooled:
            raise ValueError("no Pooling module")
        return Tower(reader, body, pooling, tuple(steps), tuple(names), isinstance(body, Bert))

    def _step(self, kind: str, path: Path) -> tuple[Step, str]:
        if kind == "Normalize":
            return normalise, "Normalize"
        if kind == "Dense":
            config, weights = self.json(path / "config.json"), self.tensors(path)
            kernel = weights["linear.weight"]
            activation = str(config.get("activation_function", "Tanh")).rsplit(".", 1)[-1]
            name = f"Dense {kernel.shape[1]} → {kernel.shape[0]}, {activation}"
            return dense(config, weights), name
        if kind == "LayerNorm":
            return layer_norm(self.tensors(path)), "LayerNorm"
        raise UserError("encoder.unknown module", kind, name=self.name)

    def _transformer(self, path: Path) -> tuple[PieceReader, Body, str]:
        config = self.optional(path / "config.json")
        lengths: Mapping[str, Any] = next(
            (self.json(path / n) for n in LENGTH_FILES if (path / n).is_file()), {}
        )
        body: Bert | OnnxEncoder
        if self._onnx is not None and path == self.path:
            self.used.append(self._onnx)
            body = OnnxEncoder(self._onnx)
            words, positions = f"ONNX: {self._onnx.name}", config.get("max_position_embeddings")
        else:
            body = Bert(config, self.tensors(path))
            layers = config.get("num_hidden_layers") or config.get("n_layers")
            words, positions = (
                f"Transformer: {config['model_type']}, {layers} layers",
                body.max_length,
            )
        reader = PieceReader(
            self._tokenizer(path),
            _smallest(lengths.get("max_seq_length"), positions),
            lower=lengths.get("do_lower_case") is True,
        )
        if isinstance(body, Bert) and reader.size > body.size:
            raise UserError("encoder.other tokenizer", f"{reader.size:,}", size=f"{body.size:,}")
        return reader, body, words

    def _static(self, path: Path) -> tuple[PieceReader, Table, str]:
        weights = self.tensors(path)
        rows = next(weights[n] for n in ("embeddings", "embedding.weight") if n in weights)
        rows = rows.astype(np.float32)
        if "mapping" in weights:  # model2vec's clusters of like pieces
            rows = rows[weights["mapping"]]
        if "weights" in weights:
            rows = rows * weights["weights"].astype(np.float32).reshape(-1, 1)
        reader = PieceReader(self._tokenizer(path), None, specials=False)
        if reader.size > len(rows):
            raise UserError("encoder.other tokenizer", f"{reader.size:,}", size=f"{len(rows):,}")
        return reader, Table(rows), f"StaticEmbedding: {len(rows):,} × {rows.shape[1]}"

    def _tokenizer(self, path: Path) -> Path:
        file = path / "tokenizer.json"
        if file.is_file():
            self.used.append(file)
        return file

    def prompts(self) -> dict[Side, str]:
        """Return the folder's own prompts."""
        path = self.path / "config_sentence_transformers.json"
        if not path.is_file():
            return no_prompts()
        config = self.json(path)
        named = config.get("prompts") or {}
        usual = named.get(config.get("default_prompt_name"), "") or ""
        document = next((named[n] for n in DOCUMENT_PROMPTS if named.get(n)), usual)
        return {"query": str(named.get("query") or usual), "document": str(document)}


def _kind(name: str) -> str:
    """Return a module's kind from the name of its class; code of anybody else's is refused."""
    package, _, kind = name.rpartition(".")
    if package.partition(".")[0] != "sentence_transformers":
        raise UserError("encoder.foreign module", name)
    return kind


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise UserError("encoder.path outside", name, folder=folder.name)
    return path


def _smallest(*lengths: object) -> int | None:
    known = [length for length in lengths if type(length) is int and 0 < length < 1_000_000]
    return min(known, default=None)
