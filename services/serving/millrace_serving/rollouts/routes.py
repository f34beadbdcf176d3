"""HTTP of rollouts: start one, watch it, abort it."""

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.names import Project
from millrace_core.pages import Cursor, Limit, Page, decode, encode
from millrace_serving.endpoints import changes, commands
from millrace_serving.endpoints.routes import EndpointName, author, controller
from millrace_serving.revisions import queries as endpoints
from millrace_serving.rollouts import queries
from millrace_serving.rollouts.schemas import Abort, RolloutRead, RolloutWrite
from millrace_serving.rollouts.states import State
from millrace_serving.rollouts.view import read

router = APIRouter(prefix="/v1/endpoints/{endpoint}/rollouts", tags=["rollouts"])
READ, WRITE = [permit("serving.rollouts.read")], [permit("serving.rollouts.write")]
Number = Annotated[int, Path(ge=0, le=2**31 - 1, description="Number of the rollout.")]
Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to wait until it no longer loads.")]


@router.post("", dependencies=WRITE, status_code=201, response_model=RolloutRead)
async def start(
    endpoint: EndpointName,
    body: RolloutWrite,
    project: Project,
    request: Request,
    response: Response,
    actor: CurrentActor,
) -> dict[str, Any]:
    """Record a candidate and its plan; it is loaded, checked and given traffic in the background."""
    async with request.app.state.sessions.begin() as session:
        found = await endpoints.get(session, project, endpoint)
        rollout, new = await changes.start_rollout(session, found, body, author(actor))
        answer = read(rollout)
    controller(request).wake.set()
    response.status_code = 201 if new else 200
    return answer


@router.get("", dependencies=READ, response_model=Page[RolloutRead])
async def list_rollouts(
    endpoint: EndpointName, project: Project, session: Session, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, Any]:
    """An endpoint's rollouts, the newest first."""
    begin = decode(cursor, int)
    found = await endpoints.get(session, project, endpoint)
    rows = await queries.newest_first(session, found, limit, int(begin[0]) if begin else None)
    items = [read(row) for row in rows[:limit]]
    return {"items": items, "next": encode(rows[limit - 1].number) if len(rows) > limit else None}


@router.get("/{number}", dependencies=READ, response_model=RolloutRead)
async def get_rollout(
    endpoint: EndpointName, number: Number, project: Project, request: Request, wait: Wait = 0
) -> dict[str, Any]:
    """One rollout; with `wait`, once its candidate is loaded or refused and the gateway has heard of it."""
    deadline = time.monotonic() + wait
    while True:
        async with request.app.state.readers() as session:
            found = await endpoints.get(session, project, endpoint)
            answer = read(await queries.get(session, found, number))
        if answer["state"] != State.LOADING or time.monotonic() >= deadline:
            break
        await asyncio.sleep(0.05)
    await controller(request).told(wait)
    return answer


@router.post("/{number}:abort", dependencies=WRITE, response_model=RolloutRead)
async def abort(
    endpoint: EndpointName,
    number: Number,
    body: Abort,
    project: Project,
    request: Request,
    actor: CurrentActor,
) -> dict[str, Any]:
    """End a rollout: the stable revision gets all traffic again."""
    rollouts = controller(request)
    return read(await commands.abort(rollouts, project, endpoint, number, body.reason, author(actor)))
