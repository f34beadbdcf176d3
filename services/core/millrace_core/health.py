"""Liveness (never touches the database) and readiness (says what it waits for)."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, FastAPI, Request, Response
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from millrace_core.auth import PUBLIC, permit
from millrace_core.database import is_missing
from millrace_core.migrate import Schema

Check = Callable[[FastAPI], Awaitable[str | None]]

router = APIRouter(tags=["health"])


@router.get("/healthz", dependencies=[permit(PUBLIC)])
async def alive(request: Request, response: Response) -> dict[str, str]:
    """The process answers, and nothing in it is stuck (503: start it again)."""
    checks = getattr(request.app.state, "alive", {})
    stuck = {name: reason for name, check in checks.items() if (reason := check(request.app))}
    response.status_code = 503 if stuck else 200
    return stuck or {"status": "alive"}


@router.get("/readyz", dependencies=[permit(PUBLIC)])
async def ready(request: Request, response: Response) -> dict[str, object]:
    """Whether requests can be served, and if not, what is missing (503)."""
    waits = {}
    for name, check in _checks(request.app).items():
        try:
            reason = await check(request.app)
        except Exception as error:
            reason = f"check failed ({type(error).__name__})"
        if reason:
            waits[name] = reason
    response.status_code = 503 if waits else 200
    return {"status": "waiting" if waits else "ready", "waits_for": waits}


def _checks(app: FastAPI) -> dict[str, Check]:
    """A service that has not begun has nothing but its database to look at."""
    checks: dict[str, Check] = app.state.ready
    if app.state.begun:
        return checks
    return {name: check for name, check in checks.items() if check in DATABASE.values()} | {
        "start": _starting
    }


async def _starting(_: FastAPI) -> str | None:
    return "the service has not begun"


async def database_ready(app: FastAPI) -> str | None:
    """None when the database answers."""
    async with app.state.readers() as session:
        await session.execute(text("SELECT 1"))
    return None


async def schema_ready(app: FastAPI) -> str | None:
    """None when the database has the schema that this version needs, or that of a later one, which only adds to it."""
    needs: Schema = app.state.schema
    try:
        async with app.state.readers() as session:
            found = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    except (ProgrammingError, OperationalError) as error:
        if not is_missing(error):
            raise
        found = None
    return f"is {found or 'missing'}, needs {needs.newest}" if needs.lacks(found) else None


DATABASE: dict[str, Check] = {"database": database_ready, "schema": schema_ready}
"""What a service with a database looks at in /readyz."""
