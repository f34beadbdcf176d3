"""Answers into a table: one transaction a part, with a mark beside the rows; a kill leaves no gap and no repeat.

The marks stand in the same database (`millrace_written`): the rows of a part and its mark are there together or not at
all, whoever is killed when, and of two who write the same part at once the second waits and finds the mark.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow.parquet as parquet

from millrace_contracts.scoring import ScoreSpec, TableSink
from millrace_training.sources.databases import with_password
from millrace_training.sources.secrets import Secrets

MARKS = "millrace_written"
MAKE = (
    f"CREATE TABLE IF NOT EXISTS {MARKS} (batch text, part bigint, rows bigint, at timestamptz DEFAULT now(), "
    "PRIMARY KEY (batch, part))"
)
MARK = f"INSERT INTO {MARKS} (batch, part, rows) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING part"  # noqa: S608
MEND = "Look at the table's columns and the user's rights; or name a table that is not there yet."


Answer = TypeVar("Answer")


class Rows(Protocol):
    """What is asked of a connection to a database (DBAPI 2, by ADBC)."""

    def cursor(self) -> Any: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...


class Sink:
    """`with Sink(spec, sink) as into: into.write(number, path)`. Raises: JobError, without any secret in it."""

    def __init__(self, spec: ScoreSpec, sink: TableSink) -> None:
        self.table = sink.table
        self._secrets = Secrets(sink)
        self._uri = self._secrets.get("connection") or with_password(
            sink.uri or "", self._secrets.get("password")
        )
        self._batch = hashlib.sha256(spec.model_dump_json(exclude={"log", "executor"}).encode()).hexdigest()[
            :32
        ]
        self._connection: Rows

    def __enter__(self) -> "Sink":
        from adbc_driver_postgresql import dbapi

        self._connection = self._guarded(lambda: dbapi.connect(self._uri), "The database cannot be reached")
        self._guarded(self._make, "The database takes no marks")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def write(self, number: int, answers: Path) -> bool:
        """Write a part's answers unless they are there; whether they had to be."""
        return self._guarded(lambda: self._write(number, answers), f"The table {self.table} takes no rows")

    def _make(self) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(MAKE)
        self._connection.commit()

    def _write(self, number: int, answers: Path) -> bool:
        rows = parquet.read_table(answers, use_threads=False)
        schema, _, table = self.table.rpartition(".")
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(MARK, (self._batch, number, len(rows)))
                fresh = cursor.fetchone() is not None
                if fresh:
                    cursor.adbc_ingest(table, rows, mode="create_append", db_schema_name=schema or None)
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise
        return fresh

    def _guarded(self, act: Callable[[], Answer], title: str) -> Answer:
        from adbc_driver_manager import Error

        try:
            return act()
        except Error as error:
            raise self._secrets.problem(title, str(error), MEND) from None
