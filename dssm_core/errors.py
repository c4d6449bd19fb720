"""The one kind of trouble that a page or a command ever shows."""

from __future__ import annotations


class UserError(Exception):
    """Something a person can put right.

    Args:
        what: what is wrong, naming the field, file or line.
        received: what was found there, shortened to 200 characters.
        hint: the way out, as an instruction.
    """

    def __init__(self, what: str, received: str = "", hint: str = "") -> None:
        self.what = what
        self.received = received if len(received) <= 200 else received[:199] + "…"
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        found = f" (found: {self.received})" if self.received else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{self.what}{found}{hint}"
