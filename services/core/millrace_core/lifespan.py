"""The life of a service: its database first, then what it does at its start and beside its requests, then the end.

A service that does not migrate (MILLRACE_MIGRATE=never) answers from its first second, unready and 503, and begins
when the schema is there: whatever order a cluster starts its parts in, none of them fails.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from millrace_core import database, health, log, metrics, migrate
from millrace_core.errors import problem
from millrace_core.migrate import Schema
from millrace_core.services import Services, of, started

Hook = Callable[[Any], Coroutine[Any, Any, None]]
"""Gets the `Services` of its service."""
Make = Callable[[Services], Services]
"""Makes a service's own object out of core's part; called once, when the event loop runs."""
WORDS = 15
"""Every so many seconds the log says what is waited for."""
OPEN = ("/healthz", "/readyz", "/metrics", "/openapi.json")
"""Paths that are answered before the service has begun."""


@dataclass(frozen=True)
class Plan:
    """What a service does besides answering requests.

    *package* has its tables and migrations (None: it has no database).
    """

    package: str | None
    make: Make
    start: Sequence[Hook] = ()
    beside: Sequence[Hook] = ()
    stop: Sequence[Hook] = ()


class Life:
    """One life of a service, from its start to its end."""

    def __init__(self, services: Services, plan: Plan) -> None:
        self._services, self._plan = services, plan
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Run the start hooks in order, then the tasks; from now on requests are answered."""
        for hook in self._plan.start:
            await hook(self._services)
        self._tasks += [
            asyncio.create_task(task(self._services), name=getattr(task, "__name__", "task"))
            for task in self._plan.beside
        ]
        self._services.begun.set()

    def begin_when_ready(self) -> None:
        """Begin as soon as the database has the schema; requests are refused with 503 until then."""
        self._tasks.append(asyncio.create_task(self._wait(), name="wait for the schema"))

    async def _wait(self) -> None:
        seconds = 0
        while reason := await _missing(self._services):
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
        for hook in self._plan.stop if self._services.begun.is_set() else ():
            await hook(self._services)


def lifespan(plan: Plan) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """The lifespan of a service that does what *plan* says."""

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        settings = of(app).settings
        log.configure(settings.service)
        schema = await _migrated(plan.package, settings.database_url, settings.migrate == "start")
        engine = None if schema is None else database.engine(settings.database_url, settings.lasting)
        services = app.state.services = plan.make(started(of(app), schema, engine))
        life = Life(services, plan)
        exposed = metrics.expose(settings)
        if schema is None or settings.migrate == "start":
            await life.begin()
        else:
            life.begin_when_ready()
        try:
            yield
        finally:
            await life.end()
            exposed()
            await services.clients.close()
            services.direct.close()
            if engine is not None:
                await engine.dispose()

    return run


class Begun:
    """Refuses requests (503) until the service has begun."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN or of(scope["app"]).begun.is_set():
            return await self._app(scope, receive, send)
        answer = problem(
            503, "Not available now", "The service waits for its database; see /readyz. Try again."
        )
        return await answer(scope, receive, send)


async def _missing(services: Services) -> str | None:
    try:
        return await health.schema_ready(services)
    except database.FAILURES as error:
        return f"the database does not answer ({type(error).__name__})"


async def _migrated(package: str | None, url: str, now: bool) -> Schema | None:
    """The schemas that *package* knows; the database at *url* gets the newest if it shall *now*."""
    if package is None:
        return None
    schema = await asyncio.to_thread(migrate.schema, package)
    if now:
        await asyncio.to_thread(migrate.upgrade, package, url)
    return schema
