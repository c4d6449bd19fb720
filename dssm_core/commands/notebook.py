"""`systems` and `toy`: the notebook, layer by layer and run."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add(commands: Any) -> None:
    """Add these commands to the parser's."""
    systems = commands.add_parser("systems", help="list the notebook's systems, layer by layer")
    systems.add_argument("--json", action="store_true", help="print JSON")
    systems.set_defaults(command=_systems)

    toy = commands.add_parser("toy", help="fit the notebook's LSTMModel on its toy data, predict")
    toy.add_argument("--seed", type=int, default=0, help="of weights and order")
    toy.add_argument("--json", action="store_true", help="print JSON")
    toy.set_defaults(command=_toy)


def _systems(options: argparse.Namespace) -> None:
    from dssm_core.models.systems import describe_systems

    systems = describe_systems()
    if options.json:
        print(json.dumps(systems))
        return
    for system in systems:
        print(f"{system['name']}: {system['title']} ({system['parameters']:,} parameters)")
        for layer in system["layers"]:
            inputs = ", ".join(layer["inputs"])
            print(
                f"  {layer['name']:18} {layer['kind']:14} {layer['shape']:18} "
                f"{layer['parameters']:>9,}  {inputs}"
            )


def _toy(options: argparse.Namespace) -> None:
    from dssm_core.models.lstm import run_toy

    frame = run_toy(options.seed)
    rows = {"scale": frame.attrs["scale"], "bias": frame.attrs["bias"]}
    if options.json:
        print(json.dumps({**rows, "rows": frame.to_dict("records")}))
        return
    print(frame.to_string(index=False))
    print(f"probability = sigmoid({rows['scale']:.4f} * cosine + {rows['bias']:.4f})")
