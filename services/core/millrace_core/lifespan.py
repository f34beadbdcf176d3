"""The life of a service: its database first, then what it does at its start and beside its requests, then the end.

A service that does not migrate (MILLRACE_MIGRATE=never) answers from its first second, unready and 503, and begins
when the schema is there: whatever order a cluster starts its parts in, none of them fails.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Receive, Scope, Send

from millrace_core import database, health, log, metrics, migrate
from millrace_core.errors import problem

Hook = Callable[[FastAPI], Coroutine[Any, Any, None]]
WORDS = 15
"""Every so many seconds the log says what is waited for."""
OPEN = ("/healthz", "/readyz", "/metrics", "/openapi.json")
"""Paths that are answered before the service has begun."""


class Life:
    """What a service does before, beside and after its requests."""

    def __init__(
        self, app: FastAPI, start: Sequence[Hook], beside: Sequence[Hook], stop: Sequence[Hook]
    ) -> None:
        self._app, self._start, self._beside, self._stop = app, start, beside, stop
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Run the start hooks in order, then the tasks; from now on requests are answered."""
        for hook in self._start:
            await hook(self._app)
        self._tasks += [
            asyncio.create_task(task(self._app), name=getattr(task, "__name__", "task"))
            for task in self._beside
        ]
        self._app.state.begun = True

    def begin_when_ready(self) -> None:
        """Begin as soon as the database has the schema; requests are refused with 503 until then."""
        self._tasks.append(asyncio.create_task(self._wait(), name="wait for the schema"))

    async def _wait(self) -> None:
        seconds = 0
        while reason := await _missing(self._app):
            if seconds % WORDS == 0:
                log.log.info("waiting for the schema", reason=reason)
            seconds += 1
            await asyncio.sleep(1)
        try:
            await self.begin()
        except Exception:
            log.log.exception("the service could not begin")
            os.kill(os.getpid(), signal.SIGTERM)

    async def end(self) -> None:
        """Cancel the tasks, then run the stop hooks of a service that had begun."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for hook in self._stop if self._app.state.begun else ():
            await hook(self._app)


def lifespan(
    package: str | None, background: Sequence[Hook], start: Sequence[Hook], stop: Sequence[Hook]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """The lifespan of a service whose tables and migrations are in *package* (None: it has no database)."""

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        settings, life = app.state.settings, Life(app, start, background, stop)
        log.configure(settings.service)
        app.state.begun = False
        made = await _open_database(app, package)
        exposed = metrics.expose(settings)
        if package is None or settings.migrate == "start":
            await life.begin()
        else:
            life.begin_when_ready()
        try:
            yield
        finally:
            await life.end()
            exposed()
            for api in vars(app.state.apis).values():
                await api.close()
            if made is not None:
                await made.dispose()

    return run


class Begun:
    """Refuses requests (503) until the service has begun."""

    def __init__(self, app: ASGIApp, state: Any) -> None:
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._state.begun or scope["path"] in OPEN:
            return await self._app(scope, receive, send)
        answer = problem(
            503, "Not available now", "The service waits for its database; see /readyz. Try again."
        )
        return await answer(scope, receive, send)


async def _missing(app: FastAPI) -> str | None:
    try:
        return await health.schema_ready(app)
    except database.FAILURES as error:
        return f"the database does not answer ({type(error).__name__})"


async def _open_database(app: FastAPI, package: str | None) -> AsyncEngine | None:
    if package is None:
        return None
    url = app.state.settings.database_url
    app.state.schema = await asyncio.to_thread(migrate.schema, package)
    if app.state.settings.migrate == "start":
        await asyncio.to_thread(migrate.upgrade, package, url)
    made = database.engine(url)
    app.state.engine = made
    app.state.sessions = database.sessions(made)
    app.state.readers = database.sessions(made, read_only=True)
    return made
