"""The database of a service: SQLite on a laptop, PostgreSQL by URL, the same promises on both."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import TypeAdapter
from sqlalchemy import JSON, DateTime, MetaData, create_engine, event, orm
from sqlalchemy.engine import Connection, Dialect, Engine, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.types import TypeDecorator

from millrace_core import sqlite_here

CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


TIMEOUTS = {
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
}
CONNECT_SECONDS, WAIT_MS = 10, 30_000
FAILURES = (DBAPIError, NoConnection, ConnectionError)
"""What a statement raises that did not come through, for whatever reason."""
AWAY = ("08", "25P03", "40", "53", "55P03", "57")
"""Beginnings of the SQLSTATE of a database that is away, full, locked for too long, cancelled or going down."""
NO_TABLE = "42P01"


def is_away(error: Exception) -> bool:
    """Whether another try may do better: nothing is wrong with the statement."""
    if not isinstance(error, DBAPIError) or isinstance(error, InterfaceError | OperationalError):
        return True
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or str(state).startswith(AWAY)


def is_missing(error: DBAPIError) -> bool:
    """Whether the statement asked for a table that is not there."""
    return getattr(error.orig, "sqlstate", None) == NO_TABLE or "no such table" in str(error.orig)


def metadata() -> MetaData:
    """Metadata for one service's tables, with constraint names that migrations can refer to."""
    return MetaData(naming_convention=CONVENTION)


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time, always aware and in UTC, on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        return (
            value.astimezone(UTC).replace(tzinfo=None) if dialect.name == "sqlite" else value.astimezone(UTC)
        )

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Typed(TypeDecorator[Any]):
    """A JSON column whose value has a type: a pydantic model, or what else pydantic can read; None is NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def __init__(self, shape: Any) -> None:
        super().__init__()
        self.shape = shape

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else _adapter(self.shape).dump_python(value, mode="json", by_alias=True)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else _adapter(self.shape).validate_python(value)


@lru_cache(maxsize=256)
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def utcnow() -> datetime:
    """Now, aware, in UTC; for records only, never for a decision."""
    return datetime.now(UTC)


def engine(url: str, lasting: bool = True) -> AsyncEngine:
    """Open a database so that an acknowledged write is on the disk.

    One that is not *lasting* waits for no disk, and if it is SQLite its statements run in the event loop's own thread.

    SQLite: WAL, synchronous=FULL, foreign keys, BEGIN IMMEDIATE for writers (an engine option
    `read_only=True` begins without the lock). PostgreSQL: lock, statement and idle timeouts.
    """
    if make_url(url).get_backend_name() == "sqlite":
        return _sqlite(url, lasting)
    limits = {"server_settings": TIMEOUTS, "timeout": CONNECT_SECONDS}
    opened = create_async_engine(
        url, pool_size=5, max_overflow=5, pool_timeout=10, pool_pre_ping=True, connect_args=limits
    )

    @event.listens_for(opened.sync_engine, "do_connect")
    def _connect(dialect: Any, _: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        try:
            return dialect.connect(*arguments, **options)
        except OSError as error:
            raise dialect.dbapi.OperationalError(f"{type(error).__name__}: {error}") from error

    return opened


def _sqlite(url: str, lasting: bool) -> AsyncEngine:
    database = make_url(url).database
    if database and database != ":memory:":
        Path(database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    how = {"timeout": 30} if lasting else {"timeout": 0, "async_creator_fn": sqlite_here.connect}
    opened = create_async_engine(url, pool_size=4, max_overflow=4, connect_args=how)
    _prepare(opened.sync_engine, lasting, waits_ms=WAIT_MS if lasting else 0)
    return opened


def _prepare(opened: Engine, lasting: bool = True, waits_ms: int = WAIT_MS) -> None:
    """Every connection of SQLite keeps the promises of `engine`, and waits for the lock for *waits_ms*."""
    synchronous = "FULL" if lasting else "OFF"

    @event.listens_for(opened, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            f"busy_timeout={waits_ms}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(opened, "begin")
    def _begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get("read_only", False)
        cursor = connection.connection.cursor()
        cursor.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")
        cursor.close()


Answer = TypeVar("Answer")


class Direct:
    """Transactions of a few statements, for what happens a thousand times a second.

    A session of SQLite changes threads for every statement, there and back, which costs more than the statement; here
    the whole transaction is one piece of work in one thread.
    """

    def __init__(self, opened: AsyncEngine | None = None, lasting: bool = True) -> None:
        self._opened, self._twin = opened, None
        if opened is not None and opened.dialect.name == "sqlite":
            self._twin = create_engine(opened.url.set(drivername="sqlite"), connect_args={"timeout": 30})
            _prepare(self._twin, lasting)

    async def run(self, act: Callable[[Connection], Answer]) -> Answer:
        """What *act* answers, committed then; nothing of it is kept when it raises. Raises: what *act* raises."""
        try:
            if self._twin is not None:
                return await asyncio.to_thread(self._at_once, self._twin, act)
            assert self._opened is not None, "a service without a database"
            async with self._opened.begin() as connection:
                return await connection.run_sync(act)
        finally:
            Writing.commits += 1

    @staticmethod
    def _at_once(twin: Engine, act: Callable[[Connection], Answer]) -> Answer:
        with twin.begin() as connection:
            return act(connection)

    def close(self) -> None:
        """Close what is open beside the engine."""
        if self._twin is not None:
            self._twin.dispose()


Sessions = async_sessionmaker[AsyncSession]
"""Makes sessions; `begin()` is one transaction."""
UNBOUND = Sessions()
"""The sessions of a service without a database: using one fails."""


class Writing(orm.Session):
    """What a session that may write works with: its commits are counted, and its ledger is kept."""

    commits = 0


@event.listens_for(Writing, "after_commit")
def _counted(_: orm.Session) -> None:
    Writing.commits += 1


def commits() -> int:
    """How many transactions this process has committed: what was read since the last one is still so, as far as
    this process changes it."""
    return Writing.commits


def sessions(opened: AsyncEngine, read_only: bool = False) -> Sessions:
    """A maker of sessions; readers do not take SQLite's write lock."""
    kind = orm.Session if read_only else Writing
    bound = opened.execution_options(read_only=read_only)
    return async_sessionmaker(bound, expire_on_commit=False, sync_session_class=kind)


async def session(request: Request) -> AsyncIterator[AsyncSession]:
    """One transaction a request, committed before the answer leaves."""
    services = request.app.state.services
    maker: Sessions = services.readers if request.method in ("GET", "HEAD") else services.sessions
    async with maker.begin() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(session, scope="function")]


async def still(session: AsyncSession) -> None:
    """All that this transaction reads is of one moment: what is written meanwhile is no fault. Call it first."""
    if session.get_bind().dialect.name == "postgresql":
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
