"""What every service has at hand: one frozen object, made at its start and kept at `app.state.services`.

A service adds what it alone needs in its own `services.py`: a frozen subclass, the function that makes it out of
core's part (`create_app(…, services=make)`), and `CurrentServices`, the dependency of its routes. Hooks, background
tasks and checks get the object itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from fastapi import FastAPI, Request

from millrace.aio import AsyncMillrace
from millrace_core import database
from millrace_core.auth import Tokens
from millrace_core.migrate import Schema
from millrace_core.personal import Personal
from millrace_core.settings import SERVICES, Settings

NOWHERE = "http://127.0.0.1:1"
"""Where a service is looked for whose URL is not set; nothing answers there."""


def clients(settings: Settings) -> AsyncMillrace:
    """A typed client for each of the other services; where no URL is set, every call fails."""
    urls = {name: getattr(settings, f"{name}_url") or NOWHERE for name in SERVICES}
    return AsyncMillrace(urls, settings.credential)


@dataclass(frozen=True, kw_only=True)
class Services:
    """What core's own parts read: sessions, tokens, health, outbox, lifespan."""

    settings: Settings
    tokens: Tokens
    clients: AsyncMillrace
    """The other services, as this one calls them: `await services.clients.registry.model("sales")`."""
    begun: asyncio.Event
    """Set while requests are answered."""
    ready: "Mapping[str, Check]"
    """What /readyz looks at, by name."""
    alive: "Mapping[str, Pulse]"
    """What /healthz looks at, by name."""
    schema: Schema | None = None
    """The schemas that this version knows; None: the service has no database."""
    sessions: database.Sessions = database.UNBOUND
    """Transactions that write."""
    readers: database.Sessions = database.UNBOUND
    """Transactions that only read."""
    known: dict[str, object] = field(default_factory=dict)
    """What every session knows of its service (its `info`), like whom to wake when a decision is committed."""
    direct: database.Direct = field(default_factory=database.Direct)
    """Transactions that write, each in one piece."""


Check = Callable[[Any], Awaitable[str | None]]
"""Asks the `Services` of a service whether something is ready: None, or what it waits for."""
Pulse = Callable[[Any], str | None]
"""Asks the `Services` of a service whether something is stuck: None, or what."""
Made = TypeVar("Made", bound=Services)


def of(app: FastAPI) -> Services:
    """The services object of *app*."""
    return cast(Services, app.state.services)


def provider(kind: type[Made]) -> Callable[[Request], Awaitable[Made]]:
    """The dependency that gives a route the services object of its service, an instance of *kind*."""

    async def provide(request: Request) -> Made:
        given = of(request.app)
        assert isinstance(given, kind)
        return given

    return provide


def new(settings: Settings, ready: Mapping[str, Check], alive: Mapping[str, Pulse]) -> Services:
    """Core's part before the service's start: no database yet."""
    begun = asyncio.Event()
    begun.set()
    others = clients(settings)
    tokens = Tokens(settings.tokens_file, settings.issuers_file, settings.accounts_file)
    tokens.personal = Personal(others.registry.standing_token)
    return Services(
        settings=settings,
        tokens=tokens,
        clients=others,
        begun=begun,
        ready=ready,
        alive=alive,
    )


def started(services: Services, schema: Schema | None, engine: database.AsyncEngine | None) -> Services:
    """Core's part with the database *engine*; requests wait until `begun` is set."""
    opened = replace(services, begun=asyncio.Event(), schema=schema)
    if engine is None:
        return opened
    readers = database.sessions(engine, read_only=True)
    direct = database.Direct(engine, services.settings.lasting)
    return replace(opened, sessions=database.sessions(engine), readers=readers, direct=direct)
