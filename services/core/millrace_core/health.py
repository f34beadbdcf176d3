"""Liveness (never touches the database) and readiness (says what it waits for)."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from millrace_core.auth import PUBLIC, permit
from millrace_core.database import is_missing
from millrace_core.services import Check, Services, of

router = APIRouter(tags=["health"])


@router.get("/healthz", dependencies=[permit(PUBLIC)])
async def alive(request: Request, response: Response) -> dict[str, str]:
    """The process answers, and nothing in it is stuck (503: start it again)."""
    services = of(request.app)
    stuck = {name: reason for name, check in services.alive.items() if (reason := check(services))}
    response.status_code = 503 if stuck else 200
    return stuck or {"status": "alive"}


@router.get("/readyz", dependencies=[permit(PUBLIC)])
async def ready(request: Request, response: Response) -> dict[str, object]:
    """Whether requests can be served, and if not, what is missing (503)."""
    services, waits = of(request.app), {}
    for name, check in _checks(services).items():
        try:
            reason = await check(services)
        except Exception as error:
            reason = f"check failed ({type(error).__name__})"
        if reason:
            waits[name] = reason
    response.status_code = 503 if waits else 200
    return {"status": "waiting" if waits else "ready", "waits_for": waits}


def _checks(services: Services) -> Mapping[str, Check]:
    """A service that has not begun has nothing but its database to look at."""
    if services.begun.is_set():
        return services.ready
    stored = {name: check for name, check in services.ready.items() if check in DATABASE.values()}
    return stored | {"start": _starting}


async def _starting(_: Services) -> str | None:
    return "the service has not begun"


async def database_ready(services: Services) -> str | None:
    """None when the database answers."""
    async with services.readers() as session:
        await session.execute(text("SELECT 1"))
    return None


async def schema_ready(services: Services) -> str | None:
    """None when the database has the schema that this version needs, or that of a later one, which only adds to it."""
    needs = services.schema
    if needs is None:
        return None
    try:
        async with services.readers() as session:
            present = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    except (ProgrammingError, OperationalError) as error:
        if not is_missing(error):
            raise
        present = None
    return f"is {present or 'missing'}, needs {needs.newest}" if needs.lacks(present) else None


DATABASE: dict[str, Check] = {"database": database_ready, "schema": schema_ready}
"""What a service with a database looks at in /readyz."""
