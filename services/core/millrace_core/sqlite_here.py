"""SQLite without a thread of its own, for a process that serves one client: a statement runs where it is awaited.

aiosqlite gives each connection a thread, and each statement goes there and back four times, which costs a replay more
than what SQLite does. Nothing else of it changes. Other connections' transactions go on while one waits for the lock.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import aiosqlite

LOOK_SECONDS = 0.002
"""A connection that waits for the lock looks so often."""
WAIT_SECONDS = 30.0
"""As long as SQLite itself waits elsewhere (`busy_timeout`)."""
Work = tuple[asyncio.Future[Any] | None, Callable[[], Any]]


class _Now:
    """In the place of the queue before aiosqlite's thread: what is put there is done at once.

    SQLite would wait for the lock within the statement, and whoever holds it could not go on: so it says that the
    database is locked (`busy_timeout=0`), and is asked again.
    """

    def put_nowait(self, work: Work, since: float | None = None) -> None:
        """Do it; the answer, or what it raises, is the future's."""
        future, act = work
        if future is not None and future.done():
            return
        began = time.monotonic() if since is None else since
        try:
            answer = act()
        except Exception as error:
            if future is None:
                raise
            if _locked(error) and time.monotonic() - began < WAIT_SECONDS:
                future.get_loop().call_later(LOOK_SECONDS, self.put_nowait, work, began)
            else:
                future.set_exception(error)
            return
        if future is not None:
            future.set_result(answer)


def _locked(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.OperationalError) and code in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


class Here(aiosqlite.Connection):
    """A connection in the thread of its event loop."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, 64)
        self._tx = _Now()  # type: ignore[assignment]

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()


def connect(database: str, **options: Any) -> Here:
    """What `aiosqlite.connect` gives, without the thread."""
    return Here(partial(sqlite3.connect, database, **options))
