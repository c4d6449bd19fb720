"""The commands of the program and their options."""

from __future__ import annotations

import argparse

from dssm_core.__main__ import parser


def commands() -> dict[str, set[str]]:
    """Return each command's options, those of its nested commands with them, less --help."""
    return {name: options(command) for name, command in choices(parser()).items()}


def choices(command: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the commands right inside a parser, by name."""
    return {
        name: inner
        for action in command._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, inner in action.choices.items()
    }


def options(command: argparse.ArgumentParser) -> set[str]:
    own = {o for action in command._actions for o in action.option_strings if o[:2] == "--"}
    return own.union(*map(options, choices(command).values())) - {"--help"}
