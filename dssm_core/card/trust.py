"""Which explanation can be trusted: in the card, and as a sentence for the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dssm_core.card.adopted import write_adopted_card
from dssm_core.card.card import write_card
from dssm_core.evaluation.faithfulness import METHODS
from dssm_core.folder import FAITHFULNESS, ModelFolder, write_folder
from dssm_core.words import Translate


def trust_sentence(folder: ModelFolder, tr: Translate) -> str:
    """Return how well each explanation finds the words that matter; "" where it is not known.

    Args:
        folder: the model.
        tr: gives the texts.
    """
    found = folder.faithfulness or {"times": {}}
    known = {name: found["times"][name] for name in METHODS[:-1] if name in found["times"]}
    items = [
        tr(
            "trust.next" if number else "trust.first",
            method=tr(f"trust.{name}"),
            times=value["mean"],
            low=value["low"],
            high=value["high"],
        )
        for number, (name, value) in enumerate(known.items())
    ]
    return tr("trust", found=tr("comma").join(items), number=found["pairs"]) if items else ""


def store_faithfulness(folder: ModelFolder, found: Mapping[str, Any]) -> None:
    """Write figures into a model folder, and its card with them.

    Args:
        folder: the model that was measured.
        found: as `measure_faithfulness` returns it.

    Raises:
        UserError: if the folder cannot be written.
    """
    stored = {"fingerprint": folder.fingerprint, **found}
    if folder.is_adopted:
        card = write_adopted_card(folder.name, folder.config, folder.metrics, stored)
    else:
        notes = folder.path / "notes.md"
        text = notes.read_text("utf-8") if notes.exists() else ""
        given = (folder.name, folder.config, folder.metrics, text, folder.examples)
        card = write_card(*given, faithfulness=stored)
    content = json.dumps(stored, indent=1, allow_nan=False)
    write_folder(folder.path, {FAITHFULNESS: content.encode(), "README.md": card.encode()})
