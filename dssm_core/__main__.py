"""`dssm-lens`, or `python -m dssm_core`: the command line, less its commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from dssm_core import __version__
from dssm_core.commands import encoders, index, inspect, measure, notebook, page, prepare, train
from dssm_core.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, or open the page where none is given.

    Returns:
        0, or what else the command's help says; 1 for trouble that a person can put right, told
        on standard error; 130 if interrupted.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = parser().parse_args(arguments)
    if options.name is None:
        page.open_page()
        return 0
    try:
        return options.command(options) or 0
    except UserError as error:
        print(f"{options.name}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a disk or a file that cannot be written, which it names
        print(f"{options.name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{options.name}: stopped", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    is_installed = Path(sys.argv[0]).stem == "dssm-lens"
    whole = argparse.ArgumentParser(
        prog="dssm-lens" if is_installed else "python -m dssm_core",
        description="Shows why a two-tower text matcher scores as it does. Without a command, it "
        "opens the page in your browser.",
    )
    whole.add_argument("--version", action="version", version=f"dssm-lens {__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", dest="name")
    for module in (encoders, prepare, train, measure, notebook, index, inspect):
        module.add(commands)
    return whole


if __name__ == "__main__":
    sys.exit(main())
