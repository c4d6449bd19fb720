"""From a model folder to its towers, whatever family the model is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from dssm_core.errors import UserError
from dssm_core.models import layers
from dssm_core.models.compiled import CompiledTowers

if TYPE_CHECKING:
    from dssm_core.folder import ModelFolder

__all__ = ["layers", "load_towers"]


def load_towers(folder: ModelFolder) -> CompiledTowers:
    """Load a folder's model under safe mode, compile it and warm it up.

    Raises:
        UserError: if Keras refuses the file, or its head disagrees with config.json.
    """
    try:
        model = keras.saving.load_model(folder.path / "model.keras", compile=False, safe_mode=True)
        text = folder.config["text"]
        towers = CompiledTowers(
            model,
            folder.vocabulary,
            int(text["rows"]),
            int(text["query_length"]),
            int(text["document_length"]),
        )
        towers.warm_up()
    except UserError:
        raise
    except Exception as error:  # whatever a hostile file makes Keras raise is the file's fault
        raise UserError(
            f"{folder.name}/model.keras cannot be loaded",
            f"{type(error).__name__}: {error}",
            "It was written by another version, or is damaged: train it again.",
        ) from None
    return towers
