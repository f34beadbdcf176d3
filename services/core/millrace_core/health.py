"""Liveness (never touches the database) and readiness (says what it waits for)."""

from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from millrace_core.auth import PUBLIC, permit

router = APIRouter(tags=["health"])


@router.get("/healthz", dependencies=[permit(PUBLIC)])
async def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


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
