"""`dssm-lens`, or `python -m dssm_core`: the command line, less its commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from dssm_core import __version__
from dssm_core.terminal import INTERRUPTED, run_politely


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, or open the page where none is given.

    Returns:
        0, or what else the command's help says; 1 for trouble that a person can put right, told
        on standard error; 130 if interrupted; 141 if nobody reads its output any more.
    """
    given = sys.argv[1:] if arguments is None else [*arguments]
    if not given:
        from dssm_core.commands.page import open_page

        open_page()
        return 0
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    name = "dssm-lens" if given[0].startswith("-") else given[0]
    return run_politely(name, lambda: _run(given))


def _run(arguments: Sequence[str]) -> int:
    from dssm_core.errors import UserError

    options = parser().parse_args(arguments)
    try:
        _check_utf8(options, arguments)
        with _claimed(options):
            return options.command(options) or 0
    except UserError as error:
        print(f"{options.name}: {error}", file=sys.stderr)
        return 1


def _check_utf8(options: argparse.Namespace, given: Sequence[str]) -> None:
    """Refuse names and texts that no report, card or page could show."""
    from dssm_core.errors import UserError

    for name, value in vars(options).items():
        try:
            str(value if isinstance(value, (str, Path)) else "").encode()
        except UnicodeEncodeError:
            option = f"--{name.replace('_', '-')}"
            said = option if any(one.startswith(option) for one in given) else name
            raise UserError("argument.not UTF-8", ascii(str(value)), name=said) from None


@contextmanager
def _claimed(options: argparse.Namespace) -> Iterator[None]:
    """Keep the folder that a command writes from other processes; most commands write none."""
    from dssm_core.errors import UserError
    from dssm_core.files import claimed

    written = getattr(options, "writes", None)
    folder = getattr(options, written, None) if written else None
    if folder is None:
        yield
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(claimed(folder))
        except BlockingIOError:
            raise UserError("file.in use", name=str(folder)) from None
        yield


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    from dssm_core.commands import (
        encode,
        encoders,
        index,
        inspect,
        measure,
        notebook,
        prepare,
        train,
    )

    is_installed = Path(sys.argv[0]).stem == "dssm-lens"
    whole = argparse.ArgumentParser(
        prog="dssm-lens" if is_installed else "python -m dssm_core",
        description="Shows why a two-tower text matcher scores as it does. Without a command, it "
        "opens the page in your browser.",
    )
    whole.add_argument("--version", action="version", version=f"dssm-lens {__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", dest="name")
    for module in (encoders, prepare, train, measure, notebook, encode, index, inspect):
        module.add(commands)
    return whole


def script() -> NoReturn:
    """Run the command that was typed, and end the process with its exit status."""
    status = main()
    if status == INTERRUPTED:  # at once: what still runs in threads has nobody to work for, and
        os._exit(status)  # Python would make it a death by signal if an import was interrupted
    sys.exit(status)


if __name__ == "__main__":
    script()
