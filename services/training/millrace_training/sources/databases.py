"""One connection to a database, whichever it is: how it is opened, quoted and asked, and its errors in plain words."""

import importlib
import re
import sqlite3
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit, urlunsplit

import pyarrow as pa
from adbc_driver_manager import Error

from millrace_contracts.sources import SqlSource
from millrace_training.runtime.errors import JobError
from millrace_training.sources import selection
from millrace_training.sources.asking import Asking
from millrace_training.sources.kit import Kit
from millrace_training.sources.marks import Mark
from millrace_training.sources.postgresql import Postgresql
from millrace_training.sources.retries import Passing
from millrace_training.sources.secrets import Secrets
from millrace_training.sources.selection import ROWS, Selection


@dataclass(frozen=True)
class Driver:
    """An ADBC driver: its package, how it writes names and is asked for columns, what makes a session read only, and
    the module that reads, where that is another one."""

    package: str
    quote: str = '"'
    begin: str = ""
    asking: Asking = field(default_factory=Asking)
    reader: str | None = None

    @property
    def module(self) -> str:
        return f"{self.package.replace('-', '_')}.dbapi"


POSTGRESQL = Driver(
    "adbc-driver-postgresql",
    begin="SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    asking=Postgresql(),
)
DRIVERS = {
    "postgresql": POSTGRESQL,
    "postgres": POSTGRESQL,
    "sqlite": Driver("adbc-driver-sqlite", reader="millrace_training.sources.sqlite"),
    "grpc": Driver("adbc-driver-flightsql"),
    "grpc+tls": Driver("adbc-driver-flightsql"),
    "snowflake": Driver("adbc-driver-snowflake"),
    "bigquery": Driver("adbc-driver-bigquery", quote="`"),
}
PASSING = ("08", "40", "53", "57")
"""Classes of SQLSTATE that pass: connections, serialization, resources, an operator at work."""
LOST = (
    "server closed the connection",
    "terminating connection",
    "connection to server",
    "no connection",
    "is locked",
)
"""What is said, without a SQLSTATE, while rows are on their way."""
FAULTS = (Error, sqlite3.Error, OSError, pa.ArrowException)
"""What a driver raises: of rows that are on their way Arrow tells, in the database's words."""
LASTING = (
    "authentication failed",
    "does not exist",
    "no password",
    "role ",
    "ssl",
    "certificate",
    "failed to open",
)
NOT_A_URI = ("spaces found", "invalid", "missing", "unexpected", "forbidden")


class Database:
    """`with Database(source, kit) as database: database.ask(…)`. Raises: JobError, or Passing for what may pass."""

    def __init__(self, source: SqlSource, kit: Kit) -> None:
        self._kit = kit
        uri = kit.secrets.get("sql.connection") or with_password(
            source.uri or "", kit.secrets.get("sql.password")
        )
        scheme = uri.partition("://")[0]
        if scheme not in DRIVERS:
            raise JobError(
                "The database cannot be reached",
                "Its URI begins with no known name.",
                f"Use {', '.join(DRIVERS)}.",
            )
        self._driver, self._uri = DRIVERS[scheme], _readable(scheme, uri)
        self._connection: Any = None
        self._selections: dict[str, Selection] = {}

    def __enter__(self) -> Self:
        try:
            module = importlib.import_module(self._driver.reader or self._driver.module)
        except ImportError:
            package = self._driver.package
            raise JobError(
                "A driver is missing", f"{package} is not installed.", f"Install {package}."
            ) from None
        try:
            self._connection = module.connect(self._uri, autocommit=True)
            if self._driver.begin:
                with self._connection.cursor() as cursor:
                    cursor.execute(self._driver.begin)
        except FAULTS as error:
            raise unreachable(self._kit.secrets, error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def quoted(self, *names: str) -> str:
        """A name as the database writes it."""
        sign = self._driver.quote
        return ".".join(f"{sign}{name.replace(sign, sign * 2)}{sign}" for name in names)

    def column(self, name: str) -> str:
        """A column of what is asked, as a statement calls it."""
        return f"{ROWS}.{self.quoted(name)}"

    def has_value(self, inner: str, name: str) -> str:
        """The condition that a cursor has a value."""
        return self._driver.asking.has_value(self._field(inner, name), self.column(name))

    def parameter(self, inner: str, name: str, number: int, mark: Mark) -> str:
        """The number-th parameter, from 1, with which a column is compared."""
        return self._driver.asking.parameter(number, self._field(inner, name), isinstance(mark.value, str))

    def selection(self, inner: str) -> Selection:
        """What is to be selected of a table or query. Raises: JobError, also for two columns of one name."""
        if inner not in self._selections:
            schema = self.ask(f"SELECT * FROM {inner} AS {ROWS} LIMIT 0", []).schema  # noqa: S608
            self._selections[inner] = selection.of(schema, self._driver.asking, self.quoted)
        return self._selections[inner]

    def select(self, inner: str, tail: str, marked: list[Mark]) -> pa.Table:
        """The rows of a table or query, as *tail* chooses and sorts them, read as they come."""
        chosen = self.selection(inner)
        statement = f"SELECT {chosen.columns} FROM {inner} AS {ROWS}{tail}"  # noqa: S608
        return chosen.whole(self.ask(statement, marked))

    def _field(self, inner: str, name: str) -> pa.Field:
        """What the driver says of a column. Raises: JobError where there is none."""
        schema = self.selection(inner).schema
        if name not in schema.names:
            seen = f"There is no {name!r} among: {', '.join(schema.names[:20])}."
            raise JobError(
                "The cursor is no column", seen, "Name it as the table or the query's result has it."
            )
        return schema.field(name)

    def ask(self, statement: str, marked: list[Mark]) -> pa.Table:
        """All rows of a statement, read as they come."""
        values = None
        if marked:
            values = pa.table(
                [mark.array() for mark in marked], names=[str(place) for place in range(len(marked))]
            )
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, values)
                return self._fetched(cursor.fetch_record_batch())
        except FAULTS as error:
            raise self._failed(error) from None

    def _fetched(self, reader: pa.RecordBatchReader) -> pa.Table:
        batches, rows = [], 0
        for batch in reader:
            batches.append(batch)
            rows += batch.num_rows
            self._kit.context.report("read", message=f"{rows} rows")
        return pa.Table.from_batches(batches, reader.schema)

    def _failed(self, error: Exception) -> JobError | Passing:
        state, words = getattr(error, "sqlstate", None) or "", str(error)
        told = self._kit.secrets.problem(
            "The database did not answer the query",
            own_words(words),
            "Try it with 'millrace sources test'.",
        )
        passes = state.startswith(PASSING) or (not state and any(sign in words for sign in LOST))
        return Passing(told) if passes else told


def unreachable(secrets: Secrets, error: Exception) -> JobError | Passing:
    """Why there is no connection; a driver that cannot read a URI repeats pieces of it, so then its own words are not
    told."""
    words, title = str(error), "The database cannot be reached"
    reached = "connection to server" in words or "unable to open" in words or "failed to open" in words
    if not reached and any(sign in words for sign in NOT_A_URI):
        mend = "Write it like postgresql://user@host:5432/database; signs like @ and spaces as %40 and %20."
        return JobError(title, "Its URI cannot be read.", mend)
    if "translate host name" in words and secrets.get("sql.connection"):
        return Passing(JobError(title, "Its host has no address.", "Look at the host in its URI."))
    told = secrets.problem(title, own_words(words), "Look at its host, database, user and password.")
    return told if any(sign in words for sign in LASTING) else Passing(told)


def own_words(text: str) -> str:
    """What the database said, without the query in which it was asked."""
    said = re.search(r"(ERROR|FATAL): +(.*?)(?=\n|$)", text)
    return said[0] if said else text.partition("Query was:")[0].removeprefix("IO: ")[:1000]


def with_password(uri: str, password: str | None) -> str:
    """The URI with its password, if there is one."""
    if password is None:
        return uri
    parts = urlsplit(uri)
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(
        parts._replace(netloc=f"{user.rstrip(':')}:{quote(password, safe='')}{at or '@'}{host}")
    )


def _readable(scheme: str, uri: str) -> str:
    """SQLite opens a file that is not there as an empty one, unless it may only read."""
    return sqlite_file(uri, "ro") if scheme == "sqlite" else uri


def sqlite_file(uri: str, mode: str) -> str:
    """SQLite's own URI; `sqlite:////FILE`, as many libraries write it, is `sqlite:///FILE`."""
    return f"file:{re.sub('^/+', '/', uri.removeprefix('sqlite://'))}?mode={mode}"
