"""Liveness (never touches the database) and readiness (says what it waits for)."""

from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from millrace_core.auth import PUBLIC, permit

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
    for name, check in request.app.state.ready.items():
        try:
            reason = await check(request.app)
        except Exception as error:
            reason = f"check failed ({type(error).__name__})"
        if reason:
            waits[name] = reason
    response.status_code = 503 if waits else 200
    return {"status": "waiting" if waits else "ready", "waits_for": waits}


async def database_ready(app: object) -> str | None:
    """None when the database answers."""
    async with app.state.readers() as session:  # type: ignore[attr-defined]
        await session.execute(text("SELECT 1"))
    return None


async def schema_ready(app: object) -> str | None:
    """None when the database has the schema that this version needs."""
    from sqlalchemy.exc import DBAPIError

    wanted = app.state.schema  # type: ignore[attr-defined]
    try:
        async with app.state.readers() as session:  # type: ignore[attr-defined]
            found = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    except (DBAPIError, OSError):
        found = None
    return None if found == wanted else f"the schema is {found or 'missing'}, this version needs {wanted}"
