"""HTTP of rollouts: start one, watch it, abort it."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from millrace_contracts.rollouts import RolloutAbort, RolloutRead, RolloutState, RolloutWrite
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.held import answered
from millrace_core.names import Project
from millrace_core.pages import Cursor, Limit, Page, decode, encode
from millrace_serving import guard
from millrace_serving.callers import EndpointName, author
from millrace_serving.revisions import queries as endpoints
from millrace_serving.rollouts import commands, queries
from millrace_serving.rollouts.controller import Rollouts
from millrace_serving.rollouts.starting import start_rollout
from millrace_serving.rollouts.view import read
from millrace_serving.services import CurrentServices, Services

router = APIRouter(prefix="/v1/endpoints/{endpoint}/rollouts", tags=["rollouts"])
READ, WRITE = [permit("serving.rollouts.read")], [permit("serving.rollouts.write")]
Number = Annotated[int, Path(ge=0, le=2**31 - 1, description="Number of the rollout.")]
Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to wait until it no longer loads.")]


@router.post("", dependencies=WRITE, status_code=201, response_model=RolloutRead)
async def start(
    endpoint: EndpointName,
    body: RolloutWrite,
    project: Project,
    services: CurrentServices,
    response: Response,
    actor: CurrentActor,
) -> RolloutRead:
    """Record a candidate and its plan; it is loaded, checked and given traffic in the background."""
    async with services.sessions.begin() as session:
        stored = await endpoints.get(session, project, endpoint)
        guard.check(stored, actor, "start a rollout on")
        nodes = services.plane.nodes(project, endpoint) if services.plane is not None else ()
        rollout, new = await start_rollout(session, stored, body, author(actor), nodes)
        answer = read(rollout)
    services.movement.wake.set()
    response.status_code = 201 if new else 200
    return answer


@router.get("", dependencies=READ, response_model=Page[RolloutRead])
async def list_rollouts(
    endpoint: EndpointName, project: Project, session: Session, limit: Limit = 100, cursor: Cursor = None
) -> Page[RolloutRead]:
    """An endpoint's rollouts, the newest first."""
    begin = decode(cursor, int)
    stored = await endpoints.get(session, project, endpoint)
    rows = await queries.newest_first(session, stored, limit, int(begin[0]) if begin else None)
    items = [read(row) for row in rows[:limit]]
    return Page(items=items, next=encode(rows[limit - 1].number) if len(rows) > limit else None)


@router.get("/{number}", dependencies=READ, response_model=RolloutRead)
async def get_rollout(
    endpoint: EndpointName,
    number: Number,
    request: Request,
    project: Project,
    services: CurrentServices,
    wait: Wait = 0,
) -> RolloutRead:
    """One rollout; with `wait`, once its candidate is loaded or refused and the gateway has heard of it."""
    return await answered(request, _loaded(services, project, endpoint, number, wait))


async def _loaded(services: Services, project: str, endpoint: str, number: int, wait: float) -> RolloutRead:
    deadline = time.monotonic() + wait
    while True:
        async with services.readers() as session:
            stored = await endpoints.get(session, project, endpoint)
            answer = read(await queries.get(session, stored, number))
        if answer.state != RolloutState.LOADING or time.monotonic() >= deadline:
            break
        await asyncio.sleep(0.05)
    await services.movement.told(wait)
    return answer


@router.post("/{number}:abort", dependencies=WRITE, response_model=RolloutRead)
async def abort(
    endpoint: EndpointName,
    number: Number,
    body: RolloutAbort,
    project: Project,
    services: CurrentServices,
    actor: CurrentActor,
) -> RolloutRead:
    """End a rollout: the stable revision gets all traffic again."""
    moves = Rollouts(services)
    return read(await commands.abort(moves, project, endpoint, number, body.reason, author(actor)))
