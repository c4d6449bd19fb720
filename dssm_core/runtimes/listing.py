"""What a folder of an encoder holds: its files, its modules in order, its prompts.

Files are named by other files, so each is checked to be inside, and noted, as what was used makes
the fingerprint.

Source: sentence-transformers, modules.json and router_config.json as of 6.2.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from dssm_core.errors import UserError
from dssm_core.runtimes.encoder import SIDES, no_prompts
from dssm_core.runtimes.tensors import read_tensors
from dssm_core.towers import Side

MAX_JSON = 4_000_000
"""Bytes of a configuration."""
DOCUMENT_PROMPTS = ("document", "passage", "corpus")
"""Names of a document's prompt, in sentence-transformers' own order."""


class Listing:
    """A folder while it is opened.

    Args:
        path: of the folder, resolved.
        has_onnx: whether an ONNX file stands for weights and configuration.

    Attributes:
        used: the files that were used.
        format: what wrote it, as far as its files tell.
    """

    def __init__(self, path: Path, has_onnx: bool) -> None:
        self.path, self._has_onnx = path, has_onnx
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
        return {} if self._has_onnx and not path.is_file() else self.json(path)

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
        if (self.path / "config_sentence_transformers.json").is_file():
            raise UserError("encoder.no file", str(self.path), file="modules.json")
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
        mapped = config.get("parameters", {}).get("route_mappings")
        if mapped or side not in routes:
            raise ValueError(f"a router with the routes {', '.join(mapped or routes)}")
        return [(_kind(config["types"][key]), _inside(path, key)) for key in routes[side]]

    def tokenizer(self, path: Path) -> Path:
        """Return where a folder's tokenizer is, or should be."""
        file = path / "tokenizer.json"
        if file.is_file():
            self.used.append(file)
        return file

    def prompts(self) -> dict[Side, str]:
        """Return the folder's own prompts; the one for all where it names none for a side."""
        path = self.path / "config_sentence_transformers.json"
        if not path.is_file():
            return no_prompts()
        config = self.json(path)
        named = config.get("prompts") or {}
        usual = named.get(config.get("default_prompt_name"))
        query = named.get("query", usual)
        documents = [named[name] for name in DOCUMENT_PROMPTS if name in named] or [usual]
        document = next(filter(None, documents), "")
        return {"query": str(query or ""), "document": str(document)}


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
