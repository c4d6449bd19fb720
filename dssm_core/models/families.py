"""From a model folder to its towers, whatever family the model is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from dssm_core.errors import UserError
from dssm_core.models import layers
from dssm_core.models.compiled import CompiledTowers

if TYPE_CHECKING:
    from dssm_core.folder import ModelFolder

__all__ = ["layers", "load_towers"]


def load_towers(folder: ModelFolder) -> CompiledTowers:
    """Load a folder's model under safe mode, compile it and warm it up.

    Raises:
        UserError: if Keras refuses the file, its weights are no numbers, or its head or table
            disagrees with config.json.
    """
    text = folder.config["text"]
    try:
        model = keras.saving.load_model(folder.path / "model.keras", compile=False, safe_mode=True)
        towers = CompiledTowers(
            model,
            folder.vocabulary,
            text["rows"],
            text["query_length"],
            text["document_length"],
        )
        for weight, values in zip(model.weights, model.get_weights(), strict=True):
            if not np.isfinite(values).all():
                raise ValueError(f"a weight of {weight.path} is not a number")
        for name, own, said in (
            ("head", (towers.scale, towers.bias), (folder.scale, folder.bias)),
            ("rows", model.get_layer("embedding").rows, text["rows"]),
        ):
            if own != said:
                raise UserError(
                    f'{folder.name}/config.json and model.keras disagree on the "{name}"',
                    f"{said} and {own}",
                    "Train it again, or copy it anew.",
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
