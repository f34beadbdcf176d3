"""Answers into a table: one transaction a part, with a mark beside the rows; a kill leaves no gap and no repeat.

The marks stand in the same database (`millrace_written`): the rows of a part and its mark are there together or not at
all, whoever is killed when, and of two who write the same part at once the second waits and finds the mark.
"""

import hashlib
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as parquet

from millrace_contracts.scoring import ScoreSpec
from millrace_contracts.signature import Signature
from millrace_contracts.sinks import Sink, TableSink
from millrace_training.runtime.errors import JobError
from millrace_training.scoring import keeping, targets
from millrace_training.scoring.targets import MEND, Target
from millrace_training.sources.databases import (
    DRIVERS,
    FAULTS,
    own_words,
    sqlite_file,
    unreachable,
    with_password,
)
from millrace_training.sources.retries import Passing
from millrace_training.sources.secrets import Secrets

MARKS, CAME = "millrace_written", "millrace_came"
"""The table of marks, and that of a part whose rows the database turns into its own types."""
MAKE = (
    f"CREATE TABLE IF NOT EXISTS {MARKS} (batch text, part bigint, rows bigint, "
    "at timestamp DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (batch, part))"
)
MARK = f"INSERT INTO {MARKS} (batch, part, rows) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING part"  # noqa: S608
THERE = {
    "sqlite": f"SELECT name FROM sqlite_master WHERE name = '{MARKS}'",  # noqa: S608
    "postgresql": f"SELECT 1 WHERE to_regclass('{MARKS}') IS NOT NULL",
}
WRITABLE = ("postgresql", "postgres", "sqlite")


Answer = TypeVar("Answer")


class Rows(Protocol):
    """What is asked of a connection to a database (DBAPI 2, by ADBC)."""

    def cursor(self) -> Any: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...


class IntoTable:
    """`with IntoTable(…) as table: table.write(number, path)`. Raises: JobError, without any secret in it."""

    def __init__(self, spec: ScoreSpec, sink: Sink, into: TableSink, signature: Signature) -> None:
        self.table = into.table
        self._secrets = Secrets(sink)
        self._uri = self._secrets.get("sql.connection") or with_password(
            into.uri or "", self._secrets.get("sql.password")
        )
        self._batch, self._spec = identity(spec), spec
        self._zone = signature.timezone or spec.timezone
        self._numbers = {item.column for item in signature.inputs if item.kind == "number"}
        self._quoted = ".".join('"' + name + '"' for name in self.table.split("."))
        self._is_file = self._uri.startswith("sqlite:")
        self._there: Target | None = None
        self._connection: Rows

    def __enter__(self) -> "IntoTable":
        self._connection = self._connected()
        self._guarded(self._make, "The database takes no marks")
        self._guarded(self._look, f"The table {self.table} cannot be seen")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def write(self, number: int, answers: Path) -> bool:
        """Write a part's answers unless they are there; whether they had to be."""
        return self._guarded(lambda: self._write(number, answers), f"The table {self.table} takes no rows")

    def _connected(self) -> Any:
        scheme = self._uri.partition("://")[0]
        if scheme not in WRITABLE:
            mend = "Use postgresql:// or sqlite:///FILE."
            raise JobError("The database cannot be reached", "Its URI begins with no known name.", mend)
        there = sqlite_file(self._uri, "rwc") if scheme == "sqlite" else self._uri
        try:
            return importlib.import_module(DRIVERS[scheme].module).connect(there)
        except FAULTS as error:
            told = unreachable(self._secrets, error)
            raise (told.error if isinstance(told, Passing) else told) from None

    def _make(self) -> None:
        """The table of marks, if it is not there: who may only insert could not even ask for it to be made."""
        with self._connection.cursor() as cursor:
            cursor.execute(THERE["sqlite" if self._is_file else "postgresql"])
            if cursor.fetchone() is None:
                cursor.execute(MAKE)
        self._connection.commit()

    def _look(self) -> None:
        """The table as it stands; one of SQLite takes any value in any column."""
        if self._is_file:
            return
        with self._connection.cursor() as cursor:
            self._there = targets.of(cursor, self._quoted, self._zone, self._spec.dialect)
        self._connection.rollback()

    def _write(self, number: int, answers: Path) -> bool:
        rows = self._fitted(parquet.read_table(answers, use_threads=False))
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(MARK, (self._batch, number, len(rows)))
                fresh = cursor.fetchone() is not None
                if fresh:
                    self._add(cursor, rows)
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise
        if self._there is None:
            self._look()
        return fresh

    def _add(self, cursor: Any, rows: pa.Table) -> None:
        schema, _, table = self.table.rpartition(".")
        casts = {} if self._there is None else self._there.casts(rows)
        if not casts:
            mode = "create_append" if self._there is None else "append"
            cursor.adbc_ingest(table, rows, mode=mode, db_schema_name=schema or None)
            return
        names = ['"' + name.replace('"', '""') + '"' for name in rows.column_names]
        cast = [
            f"{name}::{casts[column]}" if column in casts else name
            for column, name in zip(rows.column_names, names, strict=True)
        ]
        cursor.adbc_ingest(CAME, rows, mode="create", temporary=True)
        into = f"INSERT INTO {self._quoted} ({', '.join(names)})"
        cursor.execute(f"{into} SELECT {', '.join(cast)} FROM pg_temp.{CAME}")  # noqa: S608 - quoted above
        cursor.execute(f"DROP TABLE pg_temp.{CAME}")

    def _fitted(self, rows: pa.Table) -> pa.Table:
        """The rows in the types that the table has; where it is yet to be made, numbers have room for decimals."""
        if self._there is not None:
            return self._there.fitted(rows)
        for place, field in enumerate(rows.schema):
            column = keeping.for_sqlite(rows.column(place)) if self._is_file else rows.column(place)
            if field.name in self._numbers and pa.types.is_integer(field.type):
                column = column.cast(pa.float64())
            rows = rows.set_column(place, field.name, column)
        return rows

    def _guarded(self, act: Callable[[], Answer], title: str) -> Answer:
        try:
            return act()
        except FAULTS as error:
            raise self._secrets.problem(title, own_words(str(error)), MEND) from None


def identity(spec: ScoreSpec) -> str:
    """What makes a batch this one: the same rows, scored by the same version into the same place, are one batch."""
    said = spec.model_dump_json(exclude={"log", "executor"}, exclude_defaults=True)
    return hashlib.sha256(said.encode()).hexdigest()[:32]
