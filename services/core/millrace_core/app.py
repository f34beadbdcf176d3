"""One way to make a service: the same guards, errors, logs, metrics, health and database in each."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter, FastAPI, Request
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp

from millrace_core import database, errors, health, metrics, services
from millrace_core.auth import PUBLIC, check_routes, permit
from millrace_core.hosts import KnownHosts
from millrace_core.http import BodyLimits, RequestContext
from millrace_core.lifespan import Begun, Hook, Make, Plan, lifespan
from millrace_core.services import Services
from millrace_core.settings import LOOPBACK, Settings

UNTOLD: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own telemetry is not used: to see whether somebody set it up costs each request more than its token."""

Around = Callable[[ASGIApp], ASGIApp]
"""Wraps an application in another."""


def _as_it_is(core: Services) -> Services:
    """For a service that needs nothing besides core's part."""
    return core


def create_app(
    settings: Settings,
    title: str,
    routers: Sequence[APIRouter],
    metadata_package: str | None = None,
    background: Sequence[Hook] = (),
    ready: dict[str, services.Check] | None = None,
    alive: dict[str, services.Pulse] | None = None,
    start: Sequence[Hook] = (),
    stop: Sequence[Hook] = (),
    large_paths: tuple[str, ...] = (),
    around: Sequence[Around] = (),
    make: Make = _as_it_is,
) -> FastAPI:
    """Build a service.

    Args:
        metadata_package: package whose `tables` and `migrations` the service owns; None: no database.
        background: tasks that run as long as the service does; they are cancelled at its end.
        ready: checks for /readyz; each returns None when ready, else what it waits for.
        alive: checks for /healthz; each returns None, or what is stuck so that only a new process helps.
        start, stop: run in order before the first and after the last request.
        large_paths: path prefixes whose bodies may be as large as `max_large_body_bytes`.
        around: what stands around everything but the request's id and log line: a dialect of its own, for example.
        make: makes the service's `Services` out of core's part; hooks and checks get it.
    Raises: RuntimeError if a route has no permission, or to listen beyond loopback without tokens.
    """
    refuse_open_bind(settings)
    app = FastAPI(
        title=f"Millrace {title}",
        version="0.1.0",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry=UNTOLD,
    )
    checks = (health.DATABASE if metadata_package else {}) | (ready or {})
    app.state.services = services.new(settings, checks, alive or {})
    app.router.lifespan_context = lifespan(Plan(metadata_package, make, start, background, stop))
    for router in (*routers, health.router, metrics.router, _document()):
        app.router.routes.extend(
            router.routes
        )  # `include_router` looks for each route twice in every request
    errors.install(app, database.FAILURES, database.is_away)
    app.add_middleware(
        BodyLimits,
        size=settings.max_body_bytes,
        large=settings.max_large_body_bytes,
        large_paths=large_paths,
        seconds=settings.body_seconds,
    )
    app.add_middleware(Begun)
    app.add_middleware(KnownHosts, allowed=settings.allowed_hosts)
    for wrapper in around:
        app.add_middleware(wrapper)
    app.add_middleware(RequestContext)
    check_routes(app)
    return app


def refuse_open_bind(settings: Settings) -> None:
    """Nothing beyond loopback without tokens (RuntimeError)."""
    files = (settings.tokens_file, settings.issuers_file)
    has_tokens = any(path is not None and path.exists() for path in files)
    if settings.host not in LOOPBACK and not has_tokens:
        raise RuntimeError(f"refusing to listen on {settings.host} without a tokens file or an issuers file")


def _document() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json", dependencies=[permit(PUBLIC)])
    def document(request: Request) -> dict[str, object]:
        return request.app.openapi()

    return router
