"""One way to make a service: the same guards, errors, logs, metrics, health and database in each."""

from collections.abc import Sequence
from functools import wraps
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.middleware.trustedhost import TrustedHostMiddleware

from millrace_core import database, errors, health, metrics, services
from millrace_core.auth import PUBLIC, check_routes, permit
from millrace_core.http import BodyLimits, RequestContext
from millrace_core.lifespan import Begun, Hook, Make, Plan, lifespan
from millrace_core.services import Services
from millrace_core.settings import LOOPBACK, Settings


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
    make: Make | None = None,
) -> FastAPI:
    """Build a service.

    Args:
        metadata_package: package whose `tables` and `migrations` the service owns; None: no database.
        background: tasks that run as long as the service does; they are cancelled at its end.
        ready: checks for /readyz; each returns None when ready, else what it waits for.
        alive: checks for /healthz; each returns None, or what is stuck so that only a new process helps.
        start, stop: run in order before the first and after the last request.
        large_paths: path prefixes whose bodies may be as large as `max_large_body_bytes`.
        make: makes the service's `Services` out of core's part; hooks and checks get it. None: they get the app.
    Raises: RuntimeError if a route has no permission, or to listen beyond loopback without tokens.
    """
    refuse_open_bind(settings)
    app = FastAPI(title=f"Millrace {title}", version="0.1.0", docs_url=None, redoc_url=None, openapi_url=None)
    checks = (health.DATABASE if metadata_package else {}) | _taking(app, make, ready or {})
    app.state.services = services.new(settings, checks, _taking(app, make, alive or {}))
    hooks = (_hooks(app, make, some) for some in (start, background, stop))
    app.router.lifespan_context = lifespan(Plan(metadata_package, make or _spread(app), *hooks))
    if make is None:
        _spread(app)(app.state.services)
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
    app.add_middleware(Begun)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts)
    app.add_middleware(RequestContext)
    check_routes(app)
    return app


def _taking(app: FastAPI, make: Make | None, checks: dict[str, Any]) -> dict[str, Any]:
    """*checks* that get what they ask for: the services, or the app of a service that makes none."""
    return checks if make else {name: _of_app(app, check) for name, check in checks.items()}


def _hooks(app: FastAPI, make: Make | None, hooks: Sequence[Hook]) -> Sequence[Hook]:
    return hooks if make else [_of_app(app, hook) for hook in hooks]


def _of_app(app: FastAPI, call: Any) -> Any:
    @wraps(call)
    def called(_: Services) -> Any:
        return call(app)

    return called


def _spread(app: FastAPI) -> Make:
    """The parts of core, each an attribute of `app.state`: for services that read them there."""

    def spread(made: Services) -> Services:
        for name in ("settings", "tokens", "apis", "sessions", "readers"):
            setattr(app.state, name, getattr(made, name))
        return made

    return spread


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
