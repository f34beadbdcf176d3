"""One way to make a service: the same guards, errors, logs, metrics, health and database in each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.middleware.trustedhost import TrustedHostMiddleware

from millrace.client.transport import AsyncApi
from millrace_core import database, errors, health, log, metrics, migrate
from millrace_core.auth import PUBLIC, Tokens, check_routes, permit
from millrace_core.http import BodyLimits, RequestContext
from millrace_core.settings import LOOPBACK, Settings

Hook = Callable[[FastAPI], Coroutine[Any, Any, None]]
Check = Callable[[FastAPI], Awaitable[str | None]]
SCHEMA_WORDS = 15
"""Every so many seconds the log says what is waited for."""
SERVICES = ("registry", "training", "serving", "monitoring", "controller")


def create_app(
    settings: Settings,
    title: str,
    routers: Sequence[APIRouter],
    metadata_package: str | None = None,
    background: Sequence[Hook] = (),
    ready: dict[str, Check] | None = None,
    start: Sequence[Hook] = (),
    stop: Sequence[Hook] = (),
    large_paths: tuple[str, ...] = (),
) -> FastAPI:
    """Build a service.

    Args:
        metadata_package: package whose `tables` and `migrations` the service owns; None: no database.
        background: tasks that run as long as the service does; they are cancelled at its end.
        ready: checks for /readyz; each returns None when ready, else what it waits for.
        start, stop: run in order before the first and after the last request.
        large_paths: path prefixes whose bodies may be as large as `max_large_body_bytes`.
    Raises: RuntimeError if a route has no permission, or to listen beyond loopback without tokens.
    """
    refuse_open_bind(settings)
    app = FastAPI(title=f"Millrace {title}", version="0.1.0", docs_url=None, redoc_url=None, openapi_url=None)
    app.router.lifespan_context = _lifespan(metadata_package, background, start, stop)
    app.state.settings = settings
    app.state.tokens = Tokens(settings.tokens_file, settings.issuers_file)
    app.state.apis = _apis(settings)
    app.state.ready = _checks(metadata_package) | (ready or {})
    for router in (*routers, health.router, metrics.router, _document()):
        app.include_router(router)
    errors.install(app, database.FAILURES, database.is_away)
    app.add_middleware(
        BodyLimits,
        size=settings.max_body_bytes,
        large=settings.max_large_body_bytes,
        large_paths=large_paths,
        seconds=settings.body_seconds,
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts)
    app.add_middleware(RequestContext)
    check_routes(app)
    return app


def refuse_open_bind(settings: Settings) -> None:
    """Nothing beyond loopback without tokens (RuntimeError)."""
    files = (settings.tokens_file, settings.issuers_file)
    has_tokens = any(path is not None and path.exists() for path in files)
    if settings.host not in LOOPBACK and not has_tokens:
        raise RuntimeError(f"refusing to listen on {settings.host} without a tokens file or an issuers file")


def _apis(settings: Settings) -> SimpleNamespace:
    token = settings.credential
    urls = {name: getattr(settings, f"{name}_url") for name in SERVICES}
    return SimpleNamespace(
        **{name: AsyncApi(url or "http://127.0.0.1:1", token) for name, url in urls.items()}
    )


def _checks(package: str | None) -> dict[str, Check]:
    return {} if package is None else {"database": health.database_ready, "schema": health.schema_ready}


def _document() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json", dependencies=[permit(PUBLIC)])
    def document(request: Request) -> dict[str, object]:
        return request.app.openapi()

    return router


def _lifespan(
    package: str | None, background: Sequence[Hook], start: Sequence[Hook], stop: Sequence[Hook]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        log.configure(app.state.settings.service)
        made = await _open_database(app, package)
        exposed = metrics.expose(app.state.settings)
        for hook in start:
            await hook(app)
        tasks = [
            asyncio.create_task(task(app), name=getattr(task, "__name__", "task")) for task in background
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for hook in stop:
                await hook(app)
            exposed()
            for api in vars(app.state.apis).values():
                await api.close()
            if made is not None:
                await made.dispose()

    return lifespan


async def _open_database(app: FastAPI, package: str | None) -> database.AsyncEngine | None:
    if package is None:
        return None
    url = app.state.settings.database_url
    app.state.schema = await asyncio.to_thread(migrate.newest, package)
    if app.state.settings.migrate == "start":
        await asyncio.to_thread(migrate.upgrade, package, url)
    made = database.engine(url)
    app.state.engine = made
    app.state.sessions = database.sessions(made)
    app.state.readers = database.sessions(made, read_only=True)
    await _await_schema(app)
    return made


async def _await_schema(app: FastAPI) -> None:
    """Do nothing until somebody has migrated the database: what starts next reads and writes it."""
    waits = 0
    while (reason := await health.schema_ready(app)) is not None:
        if waits % SCHEMA_WORDS == 0:
            log.log.info("waiting for the schema", reason=reason)
        waits += 1
        await asyncio.sleep(1)
