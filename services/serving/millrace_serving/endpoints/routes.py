"""HTTP of endpoints: thin translations; every change is published before the answer leaves."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.errors import Conflict
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, encode
from millrace_serving.endpoints import changes, commands
from millrace_serving.endpoints.schemas import Advance, EndpointRead, EndpointWrite, Retain, Rollback
from millrace_serving.endpoints.view import view
from millrace_serving.revisions import queries
from millrace_serving.rollouts.controller import Rollouts

router = APIRouter(prefix="/v1/endpoints", tags=["endpoints"])
READ, WRITE = [permit("serving.endpoints.read")], [permit("serving.endpoints.write")]
EndpointName = Annotated[Name, Path(description="Name of the endpoint.")]


def controller(request: Request) -> Rollouts:
    """The mover of this service's rollouts."""
    found: Rollouts = request.app.state.rollouts
    return found


def author(actor: CurrentActor) -> str:
    """How the actor is named in a decision."""
    return actor.name if actor.role not in ("admin", "viewer") else f"user:{actor.name}"


@router.put("/{endpoint}", dependencies=WRITE, response_model=EndpointRead)
async def put_endpoint(
    endpoint: EndpointName, body: EndpointWrite, project: Project, session: Session, request: Request
) -> dict[str, Any]:
    """Create an endpoint, or change its time zone."""
    changes.check_name(endpoint)
    if body.mode == "live" and request.app.state.plane is None:
        raise Conflict("This serving process runs without a data plane; only backtests are possible.")
    found = await queries.put(session, project, endpoint, body.model, body.mode, body.timezone)
    return await view(session, request.app, found)


@router.get("", dependencies=READ, response_model=Page[EndpointRead])
async def list_endpoints(
    project: Project, session: Session, request: Request, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, Any]:
    """The endpoints of a project, by name."""
    begin = decode(cursor, str)
    rows = await queries.after(session, project, limit, str(begin[0]) if begin else None)
    items = [await view(session, request.app, row) for row in rows[:limit]]
    return {"items": items, "next": encode(rows[limit - 1].name) if len(rows) > limit else None}


@router.get("/{endpoint}", dependencies=READ, response_model=EndpointRead)
async def get_endpoint(endpoint: EndpointName, project: Project, request: Request) -> dict[str, Any]:
    """One endpoint with its revisions and its rollout, as the gateway knows it."""
    await controller(request).told(request.app.state.settings.accept_seconds)
    return await _read(request, project, endpoint)


@router.delete("/{endpoint}", dependencies=WRITE, status_code=204)
async def delete_endpoint(
    endpoint: EndpointName, project: Project, request: Request, actor: CurrentActor
) -> Response:
    """Stop serving: the rollout in flight is aborted and every revision is retired."""
    await commands.delete(controller(request), project, endpoint, author(actor))
    return Response(status_code=204)


@router.post("/{endpoint}:advance", dependencies=WRITE, response_model=EndpointRead)
async def advance(
    endpoint: EndpointName, body: Advance, project: Project, request: Request
) -> dict[str, Any]:
    """Bring the endpoint's rollout to an event time, now; idempotent, and never backwards."""
    await controller(request).advance(project, endpoint, body.event_time)
    return await _read(request, project, endpoint)


@router.post("/{endpoint}:rollback", dependencies=WRITE, response_model=EndpointRead)
async def rollback(
    endpoint: EndpointName, body: Rollback, project: Project, request: Request, actor: CurrentActor
) -> dict[str, Any]:
    """Send all traffic to a revision that is loaded: a change of routes, never a load."""
    await commands.rollback(controller(request), project, endpoint, body, author(actor))
    return await _read(request, project, endpoint)


@router.post("/{endpoint}:retain", dependencies=WRITE, response_model=EndpointRead)
async def retain(endpoint: EndpointName, body: Retain, project: Project, request: Request) -> dict[str, Any]:
    """Keep these versions loaded, unload the others that do not serve."""
    await commands.retain(controller(request), project, endpoint, body)
    return await _read(request, project, endpoint)


async def _read(request: Request, project: str, endpoint: str) -> dict[str, Any]:
    async with request.app.state.readers() as session:
        return await view(session, request.app, await queries.get(session, project, endpoint))
