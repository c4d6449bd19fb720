"""`systems` and `toy`: the notebook, layer by layer and run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from dssm_core.commands.output import json_text

if TYPE_CHECKING:
    from dssm_core.commands.files import Commands


def add(commands: Commands) -> None:
    """Add these commands to the parser's."""
    systems = commands.add_parser("systems", help="list the notebook's systems, layer by layer")
    systems.add_argument("--json", action="store_true", help="print JSON")
    systems.set_defaults(command=_systems)

    toy = commands.add_parser(
        "toy", help="train a system of the notebook on its toy data and predict"
    )
    toy.add_argument(
        "--system", default="LSTMModel", help='LSTMModel, LSTM or "negative sampling MLP"'
    )
    toy.add_argument("--epochs", type=int, default=1, help="epochs of sgd (1, as in the notebook)")
    toy.add_argument("--seed", type=int, default=0, help="random seed of weights and order (0)")
    toy.add_argument(
        "--json", action="store_true", help="print one line of JSON for each epoch, then the result"
    )
    toy.set_defaults(command=_toy)


def _systems(options: argparse.Namespace) -> None:
    from dssm_core.models.systems import describe_systems
    from dssm_core.words import ENGLISH

    systems = describe_systems()
    if options.json:
        print(json_text(systems, indent=None))
        return
    for system in systems:
        title = ENGLISH(f"system.{system['name']}")
        about = f"{system['notebook']} in the notebook, {system['parameters']:,} parameters"
        print(f"{system['name']}: {title} ({about})")
        for layer in system["layers"]:
            inputs = ", ".join(layer["inputs"])
            print(
                f"  {layer['name']:18} {layer['kind']:14} {layer['shape']:18} "
                f"{layer['parameters']:>9,}  {inputs}"
            )


def _toy(options: argparse.Namespace) -> None:
    from dssm_core.errors import UserError
    from dssm_core.models.toy import run_toy

    def on_epoch(entry: dict[str, float]) -> None:
        if options.json:
            print(json_text(entry, indent=None), flush=True)
        elif options.epochs > 1:
            print(f"epoch {entry['epoch']}/{options.epochs}: loss {entry['loss']:.4f}", flush=True)

    try:
        frame = run_toy(options.seed, options.system, options.epochs, on_epoch)
    except ValueError as error:
        raise UserError("toy.impossible", str(error)) from None
    if options.json:
        print(json_text({**frame.attrs, "rows": frame.to_dict("records")}, indent=None))
        return
    print(frame.to_string(index=False))
    if frame.attrs:
        scale, bias = frame.attrs["scale"], frame.attrs["bias"]
        print(f"probability = sigmoid({scale:.4f} * cosine + {bias:.4f})")
