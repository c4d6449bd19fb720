"""`python -m dssm_core`: the command line, less its commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from dssm_core.commands import index, inspect, measure, notebook, prepare, train
from dssm_core.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0, or what else the command's help says; 1 for trouble that a person can put right, told
        on standard error; 130 if interrupted.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = parser().parse_args(arguments)
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
    whole = argparse.ArgumentParser(
        prog="python -m dssm_core",
        description="Train, measure and question two-tower text matchers. "
        "The page is started with: streamlit run streamlit_app.py",
    )
    commands = whole.add_subparsers(required=True, metavar="COMMAND", dest="name")
    for module in (prepare, train, measure, notebook, index, inspect):
        module.add(commands)
    return whole


if __name__ == "__main__":
    sys.exit(main())
