"""The fence: what a leader writes is committed only while it leads, however long it slept before the commit.

Its calls to other services are held back as well: they are asked about right before they are sent. A pause of exactly
then is left to what those services promise themselves (idempotency keys, compare-and-set).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from fastapi import FastAPI

from millrace_controller.leases import queries
from millrace_core.database import AsyncSession


@dataclass(frozen=True)
class Term:
    """One time in office; *epoch* is never given twice."""

    name: str
    epoch: int


class Deposed(Exception):
    """Another replica leads by now; what was about to be written is not written."""


TERM: ContextVar[Term | None] = ContextVar("term", default=None)
"""The term in which the present task works; None: it does what any replica may do, like answering a request."""


async def check(session: AsyncSession, lock: bool = False) -> None:
    """Raises: Deposed if the present task works in a term that is over. *lock* keeps it from ending before a commit."""
    term = TERM.get()
    if term is not None and not await queries.holds(session, term.name, term.epoch, lock):
        raise Deposed(f"epoch {term.epoch} of the lease {term.name} is over")


class Fenced:
    """The sessions of an application, each checked before its commit."""

    def __init__(self, sessions: Any) -> None:
        self._sessions = sessions

    def configure(self, **more: Any) -> None:
        """As `async_sessionmaker.configure`."""
        self._sessions.configure(**more)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """A transaction, as `async_sessionmaker.begin` gives it. Raises: Deposed instead of committing."""
        async with self._sessions.begin() as session:
            yield session
            await session.flush()
            await check(session, lock=True)


def install(app: FastAPI) -> None:
    """Put the fence around everything that *app* writes, here and at other services."""
    app.state.sessions = Fenced(app.state.sessions)
    app.state.services = replace(app.state.services, sessions=app.state.sessions)
    for api in app.state.apis:
        api.request = _held_back(app, api.request)


def _held_back(app: FastAPI, send: Any) -> Any:
    async def request(method: str, path: str, **more: Any) -> Any:
        if method != "GET" and TERM.get() is not None:
            async with app.state.readers() as session:
                await check(session)
        return await send(method, path, **more)

    return request
