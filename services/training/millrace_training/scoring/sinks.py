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
from millrace_training.sources.databases import DRIVERS, sqlite_file, with_password
from millrace_training.sources.secrets import Secrets

MARKS = "millrace_written"
MAKE = (
    f"CREATE TABLE IF NOT EXISTS {MARKS} (batch text, part bigint, rows bigint, "
    "at timestamp DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (batch, part))"
)
MARK = f"INSERT INTO {MARKS} (batch, part, rows) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING part"  # noqa: S608
MEND = "Look at the table's columns and the user's rights; or name a table that is not there yet."
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
        self._batch = identity(spec)
        self._numbers = {item.column for item in signature.inputs if item.kind == "number"}
        self._there: pa.Schema | None = None
        self._connection: Rows

    def __enter__(self) -> "IntoTable":
        self._connection = self._guarded(self._connect, "The database cannot be reached")
        self._guarded(self._make, "The database takes no marks")
        self._there = self._columns()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def write(self, number: int, answers: Path) -> bool:
        """Write a part's answers unless they are there; whether they had to be."""
        return self._guarded(lambda: self._write(number, answers), f"The table {self.table} takes no rows")

    def _connect(self) -> Any:
        scheme = self._uri.partition("://")[0]
        if scheme not in WRITABLE:
            mend = "Use postgresql:// or sqlite:///FILE."
            raise JobError("The database cannot be reached", "Its URI begins with no known name.", mend)
        there = sqlite_file(self._uri, "rwc") if scheme == "sqlite" else self._uri
        return importlib.import_module(DRIVERS[scheme].module).connect(there)

    def _make(self) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(MAKE)
        self._connection.commit()

    def _columns(self) -> pa.Schema | None:
        """Of the table as it stands; None if it is not there, or takes any value in any column, as SQLite does."""
        from adbc_driver_manager import Error

        if self._uri.startswith("sqlite:"):
            return None
        quoted = ".".join('"' + name + '"' for name in self.table.split("."))
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM {quoted} LIMIT 0")  # noqa: S608 - quoted above
                return cursor.fetch_arrow_table().schema
        except Error:
            return None
        finally:
            self._connection.rollback()

    def _write(self, number: int, answers: Path) -> bool:
        rows = self._fitted(parquet.read_table(answers, use_threads=False))
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
        self._there = self._there or rows.schema
        return fresh

    def _fitted(self, rows: pa.Table) -> pa.Table:
        """The rows in the types that the table has; where it is yet to be made, numbers have room for decimals."""
        for place, field in enumerate(rows.schema):
            wanted = self._wanted(field)
            if wanted != field.type:
                rows = rows.set_column(place, field.name, _cast(rows.column(place), field.name, wanted))
        return rows

    def _wanted(self, field: pa.Field) -> pa.DataType:
        if self._there is None:
            return (
                pa.float64()
                if field.name in self._numbers and pa.types.is_integer(field.type)
                else field.type
            )
        if field.name not in self._there.names:
            return field.type
        there = self._there.field(field.name).type
        plain = pa.types.is_integer(there) or pa.types.is_floating(there) or pa.types.is_string(there)
        return there if plain and not isinstance(there, pa.BaseExtensionType) else field.type

    def _guarded(self, act: Callable[[], Answer], title: str) -> Answer:
        from adbc_driver_manager import Error

        try:
            return act()
        except Error as error:
            raise self._secrets.problem(title, str(error), MEND) from None


def identity(spec: ScoreSpec) -> str:
    """What makes a batch this one: the same rows, scored by the same version into the same place, are one batch."""
    said = spec.model_dump_json(exclude={"log", "executor"}, exclude_defaults=True)
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _cast(column: pa.ChunkedArray, name: str, wanted: pa.DataType) -> pa.ChunkedArray:
    try:
        return column.cast(wanted)
    except pa.ArrowInvalid:
        seen = (
            f"The column {name} of the table holds {wanted}, and a row brings {column.type} that do not fit."
        )
        raise JobError("The table takes no rows", seen, MEND) from None
