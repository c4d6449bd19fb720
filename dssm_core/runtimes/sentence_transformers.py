"""Folders that sentence-transformers, transformers, optimum and model2vec write, without torch.

A folder is data: JSON, safetensors, tokenizer.json and ONNX. Its modules are applied in their
order, and one that is not known here is refused by name: a module left out in silence gives
numbers that look right and are not.

Source: sentence-transformers, modules.json and router_config.json as of 6.2; model2vec,
persistence/datamodels.py; optimum's ONNX export.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dssm_core.errors import UserError
from dssm_core.runtimes.bert import Bert
from dssm_core.runtimes.encoder import SIDES, Facts, Reading, fingerprint
from dssm_core.runtimes.listing import Listing
from dssm_core.runtimes.onnx import OnnxEncoder, find_onnx
from dssm_core.runtimes.pieces import PieceReader
from dssm_core.runtimes.pooling import Pooling, Step, dense, layer_norm, normalise, pad
from dssm_core.towers import Side

LENGTH_FILES = (
    "sentence_bert_config.json",
    *(f"sentence_{kind}_config.json" for kind in ("roberta", "distilbert", "camembert", "albert")),
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)
"""Where the longest text stands, by the architecture that wrote it."""
USUAL = {
    "transformer_task": "feature-extraction",
    "module_input_name": "sentence_embedding",
    "query_length": None,
    "document_length": None,
    "query_expansion": None,
    "processing_kwargs": None,
}
"""What a module's configuration may say that changes what it computes, where it says nothing."""
OUTPUTS = {None, "token_embeddings", "sentence_embedding"}
"""What a module may call its result."""
MODEL2VEC_LENGTH = 512
"""Pieces that model2vec reads where its configuration does not say."""


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
        pooled = self._pooled(readings, mask)
        with np.errstate(all="ignore"):  # what is no number in the end is refused
            vectors, attention = self.body(ids, mask)
            if self.pooling is not None:
                vectors = self.pooling.vectors(vectors, pooled)
            for step in self.steps:
                vectors = step(vectors)
        if attention is None or self.pooling is None:
            return vectors, None
        weights = self.pooling.weights(attention, pooled)
        return vectors, [row[: len(r.ids)] for row, r in zip(weights, readings, strict=True)]

    def shares(self, reading: Reading) -> np.ndarray | None:
        """Return what each piece adds to the direction of a text's vector, [P, E].

        None where the vector is no sum over pieces: another pooling, or a module behind it that
        does more than bring it to length 1.
        """
        if self.pooling is None or any(step is not normalise for step in self.steps):
            return None
        ids, mask = pad([reading.ids])
        shares = self.pooling.shares(self.body(ids, mask)[0], self._pooled([reading], mask))
        return None if shares is None else shares[0, : len(reading.ids)]

    def _pooled(self, readings: Sequence[Reading], mask: np.ndarray) -> np.ndarray:
        """Return which pieces are pooled, bool [N, T]."""
        if self.pooling is None or self.pooling.include_prompt:
            return mask
        ends = np.array([reading.prompted for reading in readings])
        result: np.ndarray = mask & (np.arange(mask.shape[1]) >= ends[:, None])
        return result

    @cached_property
    def width(self) -> int:
        """E, of a vector."""
        return int(self.embed([self.reader.read("a", "")])[0].shape[1])


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

    def shares(self, reading: Reading, side: Side) -> np.ndarray | None:
        """Return what each piece adds to the vector's direction, [P, E]; None if it is no sum."""
        return self.towers[side].shares(reading)


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
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, OSError) as error:
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


class _Folder(Listing):
    """A folder whose towers are built."""

    def __init__(self, path: Path, onnx: Path | None, name: str = "") -> None:
        super().__init__(path, onnx is not None)
        self._onnx, self.name = onnx, name or path.name

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
        if isinstance(body, OnnxEncoder) and body.is_pooled:  # with all that follows
            return Tower(reader, body, None, (), (words,), False)
        names = [words]
        steps: list[Step] = []
        for kind, place in rest:
            if kind in ("Pooling", "Mean"):
                if steps:
                    raise ValueError(f"Pooling after {names[-1]}")
                pooling = Pooling.of(self.json(place / "config.json") if kind == "Pooling" else {})
                names.append(f"Pooling: {' + '.join(pooling.modes)}")
            elif kind != "Dropout":  # in training only
                step, name = self._step(kind, place)
                steps.append(step)
                names.append(name)
        if pooling is None:
            raise ValueError("no Pooling module")
        return Tower(reader, body, pooling, tuple(steps), tuple(names), isinstance(body, Bert))

    def _step(self, kind: str, path: Path) -> tuple[Step, str]:
        if kind == "Normalize":
            file = path / "config.json"
            _check_usual(self.json(file) if file.is_file() else {})
            return normalise, "Normalize"
        if kind == "Dense":
            config, weights = self.json(path / "config.json"), self.tensors(path)
            _check_usual(config)
            kernel = weights["linear.weight"]
            activation = str(config.get("activation_function", "Tanh")).rsplit(".", 1)[-1]
            name = f"Dense {kernel.shape[1]} → {kernel.shape[0]}, {activation}"
            return dense(config, weights), name
        if kind == "LayerNorm":
            return layer_norm(self.tensors(path)), "LayerNorm"
        raise UserError("encoder.unknown module", kind, name=self.name)

    def _transformer(self, path: Path) -> tuple[PieceReader, Body, str]:
        config = self.optional(path / "config.json")
        settings: Mapping[str, Any] = next(
            (self.json(path / n) for n in LENGTH_FILES if (path / n).is_file()), {}
        )
        _check_usual(settings)
        length = settings.get("max_seq_length")
        if length is None and (path / "tokenizer_config.json").is_file():  # since 5.4
            length = self.json(path / "tokenizer_config.json").get("model_max_length")
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
            self.tokenizer(path),
            _smallest(length, positions),
            lower=settings.get("do_lower_case") is True,
        )
        if isinstance(body, Bert) and reader.size > body.size:
            raise UserError("encoder.other tokenizer", f"{reader.size:,}", size=f"{body.size:,}")
        return reader, body, words

    def _static(self, path: Path) -> tuple[PieceReader, Table, str]:
        rows = _rows(self.tensors(path))
        length, is_bare = None, self.format == "model2vec"
        if is_bare:
            length = self.json(path / "config.json").get("max_length", MODEL2VEC_LENGTH)
        reader = PieceReader(self.tokenizer(path), length, specials=False, drops_unknown=is_bare)
        if reader.size > len(rows):
            raise UserError("encoder.other tokenizer", f"{reader.size:,}", size=f"{len(rows):,}")
        return reader, Table(rows), f"StaticEmbedding: {len(rows):,} × {rows.shape[1]}"


def _rows(weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return a static embedding's vectors, float32 [ids, E], as model2vec may have split them.

    Raises:
        KeyError: if there are none.
        ValueError: if a weight has another shape.
        IndexError: if a cluster has no vector.
    """
    name = "embedding.weight" if "embedding.weight" in weights else "embeddings"
    rows = weights[name].astype(np.float32)
    clusters = weights.get("mapping", np.arange(len(rows)))
    factors = weights.get("weights", np.ones(len(clusters), np.float32))
    if rows.ndim != 2 or clusters.ndim != 1 or factors.shape != clusters.shape:
        raise ValueError(f"{name} or what belongs to it has another shape")
    if clusters.min(initial=0) < 0:
        raise IndexError("a cluster below 0")
    result: np.ndarray = rows[clusters] * factors.astype(np.float32)[:, None]
    return result


def _check_usual(config: Mapping[str, Any]) -> None:
    """Refuse a module's configuration that says what is not computed here."""
    odd = [key for key, usual in USUAL.items() if config.get(key) not in (None, usual, {})]
    if config.get("module_output_name") not in OUTPUTS:
        odd.append("module_output_name")
    if odd:
        raise ValueError(", ".join(odd))


def _smallest(*lengths: object) -> int | None:
    known = [length for length in lengths if type(length) is int and 0 < length < 1_000_000]
    return min(known, default=None)
