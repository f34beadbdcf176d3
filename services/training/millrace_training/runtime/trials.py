"""The study of a search: every finished trial is on the disk before the next one is told.

It lies in the job's folder, in its own SQLite file, and so outlives workers, attempts and the service.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from millrace_contracts.bodies import Document

SCHEMA = """
CREATE TABLE IF NOT EXISTS trials (
    study TEXT NOT NULL,
    number INTEGER NOT NULL,
    key TEXT NOT NULL,
    params TEXT NOT NULL,
    "values" TEXT,
    PRIMARY KEY (study, number)
)
"""
SAVE = """
INSERT INTO trials (study, number, key, params, "values") VALUES (?, ?, ?, ?, ?)
ON CONFLICT (study, number) DO UPDATE SET "values" = excluded."values" WHERE "values" IS NULL
"""


@dataclass(frozen=True)
class Trial:
    """One trial: its number in the study, the key that names its work, and what came out (None: running)."""

    study: str
    number: int
    key: str
    params: Document
    values: Document | None


class TrialStore:
    """Ask/tell state of a job's studies.

    Args:
        path: the SQLite file; made when missing.
        saved: called with every newly finished trial.
    """

    def __init__(self, path: Path, saved: Callable[[Trial], None] = lambda _: None) -> None:
        self.path = path
        self._saved = saved
        with self._opened() as connection:
            connection.execute(SCHEMA)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=30)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            with connection:
                yield connection

    def asked(self, study: str, number: int, params: Mapping[str, object], key: str) -> None:
        """Note that a trial was handed out; it counts as running until `save`."""
        with self._opened() as connection:
            connection.execute(SAVE, (study, number, key, _text(params), None))

    def save(self, study: str, number: int, params: Mapping[str, object], key: str, values: Document) -> None:
        """Keep a finished trial for good; saving it twice changes nothing.

        Raises: ValueError if this number was told before under another key.
        """
        with self._opened() as connection:
            earlier = connection.execute(
                'SELECT key, "values" FROM trials WHERE study = ? AND number = ?', (study, number)
            ).fetchone()
            if earlier is not None and earlier[0] != key:
                raise ValueError(f"trial {number} of {study} is already known under another key")
            connection.execute(SAVE, (study, number, key, _text(params), _text(values)))
        if earlier is None or earlier[1] is None:
            self._saved(Trial(study, number, key, dict(params), values))

    def completed(self, study: str) -> list[Trial]:
        """The finished trials of *study*, by number."""
        return [trial for trial in self.all() if trial.study == study and trial.values is not None]

    def running(self, study: str) -> list[Trial]:
        """Trials that were asked and never told: what an attempt before this one had in flight."""
        return [trial for trial in self.all() if trial.study == study and trial.values is None]

    def find(self, study: str, key: str) -> Trial | None:
        """The finished trial with this *key*, or None."""
        return next((trial for trial in self.completed(study) if trial.key == key), None)

    def all(self) -> list[Trial]:
        """Every trial of every study, by study and number."""
        with self._opened() as connection:
            rows = connection.execute(
                'SELECT study, number, key, params, "values" FROM trials ORDER BY study, number'
            ).fetchall()
        return [_trial(*row) for row in rows]


def read(path: Path) -> list[Trial]:
    """Every trial in the file at *path*; none when there is no file yet."""
    return TrialStore(path).all() if path.exists() else []


def _trial(study: str, number: int, key: str, params: str, values: str | None) -> Trial:
    return Trial(study, number, key, json.loads(params), _parsed(values))


def _text(value: Mapping[str, object]) -> str:
    return json.dumps(value, sort_keys=True)


def _parsed(text: str | None) -> Document | None:
    return None if text is None else json.loads(text)
