"""What a leader writes is committed only while it leads, however long it slept before the commit.

Its calls to other services are held back as well: they are asked about right before they are sent. A pause of exactly
then is left to what those services promise themselves (idempotency keys, compare-and-set).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx

from millrace.aio import AsyncMillrace
from millrace.aio.api import AsyncApi
from millrace.transport.requests import Call
from millrace_controller.leases import queries
from millrace_core.database import AsyncSession, Sessions


@dataclass(frozen=True)
class Tenure:
    """One time in office; *epoch* is never given twice."""

    name: str
    epoch: int


class Deposed(Exception):
    """Another replica leads by now; what was about to be written is not written."""


TENURE: ContextVar[Tenure | None] = ContextVar("tenure", default=None)
"""The tenure in which the present task works; None: it does what any replica may do, like answering a request."""


async def check(session: AsyncSession, lock: bool = False) -> None:
    """Raises: Deposed if the present task's tenure is over. *lock* keeps it from ending before a commit."""
    tenure = TENURE.get()
    if tenure is not None and not await queries.holds(session, tenure.name, tenure.epoch, lock):
        raise Deposed(f"epoch {tenure.epoch} of the lease {tenure.name} is over")


class GuardedSessions(Sessions):
    """The sessions of a service, each checked before its commit."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def configure(self, **more: Any) -> None:
        """As `async_sessionmaker.configure`."""
        self._sessions.configure(**more)

    def __call__(self, **more: Any) -> AsyncSession:
        """A session whose transaction its user takes back: what is not committed needs no tenure."""
        return self._sessions(**more)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:  # type: ignore[override]
        """A transaction, as `async_sessionmaker.begin` gives it. Raises: Deposed instead of committing."""
        async with self._sessions.begin() as session:
            yield session
            await session.flush()
            await check(session, lock=True)


class GuardedCalls(AsyncApi):
    """Calls of one service to another: what would change something there is sent only while the sender leads."""

    def __init__(self, api: AsyncApi, readers: Sessions) -> None:
        self.url, self.token, self.project, self.timeout = api.url, api.token, api.project, api.timeout
        self._client, self._readers = api._client, readers

    async def send(self, call: Call) -> httpx.Response:
        if call.method != "GET" and TENURE.get() is not None:
            async with self._readers() as session:
                await check(session)
        return await super().send(call)


class GuardedClients(AsyncMillrace):
    """A typed client for each service; what would change something there is sent only while the sender leads."""

    def __init__(self, clients: AsyncMillrace, readers: Sessions) -> None:
        super().__init__(clients.urls, clients.token, clients.project)
        self._clients, self._readers = clients, readers

    def _api(self, service: str) -> AsyncApi:
        return GuardedCalls(self._clients._api(service), self._readers)

    async def close(self) -> None:
        """Close every connection."""
        await self._clients.close()
