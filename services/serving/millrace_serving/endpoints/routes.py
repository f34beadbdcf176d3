"""HTTP of endpoints: thin translations; every change is published before the answer leaves."""

from fastapi import APIRouter, Response

from millrace_contracts.endpoints import Advance, EndpointRead, EndpointRollback, EndpointWrite, Retain
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.errors import Conflict
from millrace_core.names import Project
from millrace_core.pages import Cursor, Limit, Page, decode, encode
from millrace_serving import guard
from millrace_serving.callers import EndpointName, author
from millrace_serving.endpoints import changes, commands
from millrace_serving.endpoints.view import view
from millrace_serving.revisions import queries
from millrace_serving.rollouts.controller import Rollouts
from millrace_serving.services import CurrentServices, Services

router = APIRouter(prefix="/v1/endpoints", tags=["endpoints"])
READ, WRITE = [permit("serving.endpoints.read")], [permit("serving.endpoints.write")]


@router.put("/{endpoint}", dependencies=WRITE, response_model=EndpointRead)
async def put_endpoint(
    endpoint: EndpointName,
    body: EndpointWrite,
    project: Project,
    session: Session,
    services: CurrentServices,
    actor: CurrentActor,
) -> EndpointRead:
    """Create an endpoint, or change its time zone and how it is served."""
    changes.check_name(endpoint)
    if body.mode == "live" and services.plane is None:
        raise Conflict("This serving process runs without a data plane; only backtests are possible.")
    stored = await queries.put(session, project, endpoint, body.model, body.mode, body.timezone)
    guard.may_say(actor, body.guarded, bool(stored.guarded))
    stored.guarded = stored.guarded if body.guarded is None else body.guarded
    stored.review = body.review
    if body.serving is not None:
        stored.serving = body.serving.model_dump(mode="json", by_alias=True, exclude_none=True)
    return await view(session, services.plane, stored)


@router.get("", dependencies=READ, response_model=Page[EndpointRead])
async def list_endpoints(
    project: Project, session: Session, services: CurrentServices, limit: Limit = 100, cursor: Cursor = None
) -> Page[EndpointRead]:
    """The endpoints of a project, by name."""
    begin = decode(cursor, str)
    rows = await queries.after(session, project, limit, str(begin[0]) if begin else None)
    items = [await view(session, services.plane, row) for row in rows[:limit]]
    return Page(items=items, next=encode(rows[limit - 1].name) if len(rows) > limit else None)


@router.get("/{endpoint}", dependencies=READ, response_model=EndpointRead)
async def get_endpoint(endpoint: EndpointName, project: Project, services: CurrentServices) -> EndpointRead:
    """One endpoint with its revisions and its rollout, as the gateway knows it."""
    await services.movement.told(services.settings.accept_seconds)
    return await _read(services, project, endpoint)


@router.delete("/{endpoint}", dependencies=WRITE, status_code=204)
async def delete_endpoint(
    endpoint: EndpointName, project: Project, services: CurrentServices, actor: CurrentActor
) -> Response:
    """Stop serving: the rollout in flight is aborted and every revision is retired."""
    async with services.readers() as session:
        guard.check(await queries.get(session, project, endpoint), actor, "delete")
    await commands.delete(Rollouts(services), project, endpoint, author(actor))
    return Response(status_code=204)


@router.post("/{endpoint}:advance", dependencies=WRITE, response_model=EndpointRead)
async def advance(
    endpoint: EndpointName, body: Advance, project: Project, services: CurrentServices
) -> EndpointRead:
    """Bring the endpoint's rollout to an event time, now; idempotent, and never backwards."""
    await Rollouts(services).advance(project, endpoint, body.event_time)
    return await _read(services, project, endpoint)


@router.post("/{endpoint}:rollback", dependencies=WRITE, response_model=EndpointRead)
async def rollback(
    endpoint: EndpointName,
    body: EndpointRollback,
    project: Project,
    services: CurrentServices,
    actor: CurrentActor,
) -> EndpointRead:
    """Send all traffic to a revision that is loaded: a change of routes, never a load."""
    async with services.readers() as session:
        guard.check(await queries.get(session, project, endpoint), actor, "change the route of")
    await commands.rollback(Rollouts(services), project, endpoint, body, author(actor))
    return await _read(services, project, endpoint)


@router.post("/{endpoint}:retain", dependencies=WRITE, response_model=EndpointRead)
async def retain(
    endpoint: EndpointName, body: Retain, project: Project, services: CurrentServices
) -> EndpointRead:
    """Keep these versions loaded, unload the others that do not serve."""
    await commands.retain(Rollouts(services), project, endpoint, body)
    return await _read(services, project, endpoint)


async def _read(services: Services, project: str, endpoint: str) -> EndpointRead:
    async with services.readers() as session:
        return await view(session, services.plane, await queries.get(session, project, endpoint))
