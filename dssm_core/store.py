"""Verdicts and repro cases in one SQLite file, safe against kills, second tabs and full disks.

Verdicts are a log: judging again adds a row, undo takes one back, and the newest row of a pair
that stands is its verdict. Order is by row number, so a clock going back changes nothing.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from dssm_core.errors import UserError
from dssm_core.paths import data_folder
from dssm_core.words import Sentence

Verdict = Literal["relevant", "not relevant", "unsure", "bad data"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
COLUMNS = ("query", "document", "verdict", "cause", "note", "model", "fingerprint", "at")

# No journal_mode = WAL: what switches a new file to it fails at a lock where all else waits.
SCHEMA = """
CREATE TABLE IF NOT EXISTS verdict (
    id INTEGER PRIMARY KEY,
    query TEXT NOT NULL,
    document TEXT NOT NULL,
    verdict TEXT NOT NULL,
    cause TEXT NOT NULL,
    note TEXT NOT NULL,
    model TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    at TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS verdict_pair ON verdict (query, document);
CREATE TABLE IF NOT EXISTS repro (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    content TEXT NOT NULL
);
"""


class Store:
    """The file that keeps what people judged.

    Args:
        path: the SQLite file; made with its folder unless read-only.
        read_only: refuse every change, for demos.

    Raises:
        UserError: if the file is damaged, is no SQLite file, or cannot be opened.
    """

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path, self.read_only = path, read_only
        if not read_only:
            with self._connection() as database:
                database.executescript(SCHEMA)

    def judge(
        self,
        query: str,
        document: str,
        verdict: Verdict,
        cause: str = "",
        note: str = "",
        model: str = "",
        fingerprint: str = "",
    ) -> int:
        """Record a verdict on a pair; it is on disk when this returns.

        Args:
            query: the pair's query.
            document: the pair's document.
            verdict: one of VERDICTS.
            cause: why the model was wrong, in a word or two.
            note: free text.
            model: name of the model that was looked at.
            fingerprint: of that model.

        Returns:
            the number by which `undo` takes it back.

        Raises:
            UserError: for another verdict, in read-only mode, or if it cannot be written.
        """
        if verdict not in VERDICTS:
            raise UserError("store.no such verdict", str(verdict), names=", ".join(VERDICTS))
        self._refuse_if_read_only()
        values = (query, document, verdict, cause, note, model, fingerprint, _now())
        with self._connection() as database:
            added = database.execute(
                f"INSERT INTO verdict ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            return int(added.lastrowid or 0)

    def last(self) -> int | None:
        """Return the number of the last verdict that stands; None if there is none."""
        if not self.path.exists():
            return None
        with self._connection() as database:
            row = database.execute("SELECT max(id) FROM verdict WHERE undone = 0").fetchone()
        return None if row[0] is None else int(row[0])

    def undo(self, number: int) -> dict[str, str] | None:
        """Take back a verdict by its number, and return it; None if it is not there to be."""
        self._refuse_if_read_only()
        with self._connection() as database:
            row = database.execute(
                "UPDATE verdict SET undone = 1 WHERE id = ? AND undone = 0 "
                f"RETURNING {', '.join(COLUMNS)}",
                (number,),
            ).fetchone()
        return dict(zip(COLUMNS, row, strict=True)) if row else None

    def verdicts(self) -> pd.DataFrame:
        """Return the verdict that stands on each pair, in the order they were given."""
        if not self.path.exists():
            return pd.DataFrame(columns=list(COLUMNS))
        with self._connection() as database:
            rows = database.execute(
                f"SELECT {', '.join(COLUMNS)} FROM verdict WHERE id IN (SELECT max(id) FROM "
                "verdict WHERE undone = 0 GROUP BY query, document) ORDER BY id"
            ).fetchall()
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def add_verdicts(self, verdicts: pd.DataFrame) -> int:
        """Record many verdicts, all or none, such as an export from elsewhere.

        Args:
            verdicts: columns query, document, verdict, and optionally the others.

        Returns:
            how many were recorded.

        Raises:
            UserError: naming the row and column that cannot be taken.
        """
        self._refuse_if_read_only()
        for column in ("query", "document", "verdict"):
            if column not in verdicts.columns:
                raise UserError("store.no column", ", ".join(verdicts.columns), column=column)
        frame = verdicts.reindex(columns=list(COLUMNS)).astype(object).fillna("").astype(str)
        wrong = ~frame["verdict"].isin(VERDICTS)
        if wrong.any():
            raise UserError(
                "store.wrong row",
                frame["verdict"][wrong].iloc[0],
                row=int(wrong.to_numpy().argmax()) + 1,
                names=", ".join(VERDICTS),
            )
        with self._connection() as database:
            database.executemany(
                f"INSERT INTO verdict ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                frame.to_numpy().tolist(),
            )
        return len(frame)

    def add_case(self, case: Mapping[str, Any]) -> None:
        """Keep a repro case: query, documents, verdict, note, fingerprint and scores.

        Raises:
            UserError: in read-only mode, or if it cannot be written.
        """
        self._refuse_if_read_only()
        content = json.dumps(case, ensure_ascii=False, allow_nan=False)
        with self._connection() as database:
            database.execute("INSERT INTO repro (at, content) VALUES (?, ?)", (_now(), content))

    def cases(self) -> list[dict[str, Any]]:
        """Return the repro cases, oldest first."""
        if not self.path.exists():
            return []
        with self._connection() as database:
            rows = database.execute("SELECT content FROM repro ORDER BY id").fetchall()
            return [json.loads(content) for (content,) in rows]

    def _refuse_if_read_only(self) -> None:
        if self.read_only:
            raise UserError("store.read-only")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection whose changes are all kept or all dropped."""
        try:
            if not self.read_only:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            mode = "ro" if self.read_only else "rwc"
            database = sqlite3.connect(
                f"{self.path.resolve().as_uri()}?mode={mode}", uri=True, timeout=10
            )
        except (sqlite3.Error, OSError) as error:
            raise self._trouble(error) from None
        try:
            database.execute("PRAGMA synchronous = FULL")
            with database:
                yield database
        except (sqlite3.Error, OSError, ValueError) as error:  # text or JSON that is none, too
            raise self._trouble(error) from None
        finally:
            database.close()

    def _trouble(self, error: Exception) -> UserError:
        hints = {
            "full": "full",
            "malformed": "damaged",
            "not a database": "damaged",
            "readonly": "interrupted" if self.read_only else "readonly",
            "locked": "locked",
        }
        message = str(error)
        hint = next((hint for key, hint in hints.items() if key in message), "path")
        return UserError(
            "store.unusable", message, path=str(self.path), hint=Sentence(f"store.hint.{hint}")
        )


def default_path() -> Path:
    """Return the file that keeps the verdicts: $DSSM_STORE, or one in the user's data folder."""
    if given := os.environ.get("DSSM_STORE", "").strip():
        return Path(given).expanduser()
    return data_folder() / "verdicts.sqlite3"


def open_store() -> Store:
    """Open the store at `default_path`; read-only where DSSM_READ_ONLY says so.

    Raises:
        UserError: if it cannot be opened.
    """
    return Store(default_path(), is_read_only())


def is_read_only() -> bool:
    """Return whether DSSM_READ_ONLY says that this server keeps nothing."""
    said = os.environ.get("DSSM_READ_ONLY", "").strip().lower()
    return said not in ("", "0", "false", "no", "off")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
