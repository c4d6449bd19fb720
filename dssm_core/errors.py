"""The one kind of trouble that a page or a command ever shows."""

from __future__ import annotations

from functools import partial
from typing import Any

from dssm_core.words import ENGLISH, Sentence, Translate, Value, has_text, join_texts, shortened

THE_FILE = Sentence("place.file")
"""What a file without a name is called."""

LONGEST_RECEIVED = 200
"""Characters of what was found that are shown."""


class UserError(Exception):
    """Something a person can put right.

    Args:
        key: the catalogues' `error.KEY` says what is wrong, naming the field, file or line, and
            `error.KEY.hint`, where there is one, the way out as an instruction.
        received: what was found there, shortened to 200 characters.
        values: what is put into both texts; for an empty name, "the file".

    Example:
        >>> print(UserError("pairs.empty cell", column="document", line=42, name="mine.csv"))
        document is empty at line 42 of mine.csv. Fill it in, or remove the line.
    """

    def __init__(self, key: str, /, received: str = "", **values: Value) -> None:
        if values.get("name") == "":
            values["name"] = THE_FILE
        self.key, self.values = key, values
        self.received = shortened(received, LONGEST_RECEIVED)
        super().__init__(str(self))

    def what(self, tr: Translate = ENGLISH) -> str:
        """Return what is wrong, as a sentence."""
        text = Sentence(f"error.{self.key}", self.values).text(tr)
        return text if text.endswith((".", ":", "!", "?", "。")) else f"{text}{tr('sentence.end')}"

    def hint(self, tr: Translate = ENGLISH) -> str:
        """Return the way out; "" where there is none."""
        key = f"error.{self.key}.hint"
        return Sentence(key, self.values).text(tr) if has_text(key) else ""

    def text(self, tr: Translate = ENGLISH) -> str:
        """Return all of it as one line."""
        what = self.what(tr)
        if self.received:
            stop = what[-1]
            what = f"{what[:-1]}{tr('error.received', received=self.received)}{stop}"
        return join_texts(what, self.hint(tr))

    def __str__(self) -> str:
        return self.text()

    def __reduce__(self) -> tuple[Any, ...]:
        again: Any = type(self)
        return partial(again, **self.values), (self.key, self.received)


def line_of(line: int, name: str) -> Sentence:
    """Return a line of a file, to be put into the text of an error as `where`."""
    return Sentence("place.line", {"line": line, "name": name or THE_FILE})
