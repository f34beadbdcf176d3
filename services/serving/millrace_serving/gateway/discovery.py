"""REST discovery for Envoy, which shows its own token at every poll."""

import orjson
from fastapi import APIRouter, Depends, Request, Response

from millrace_contracts.bodies import Document
from millrace_core.auth import CurrentActor, permit
from millrace_core.errors import BadInput, Forbidden
from millrace_serving.envoy.publisher import EXTENSIONS, TABLES
from millrace_serving.services import CurrentServices, Services

router = APIRouter(tags=["discovery"], include_in_schema=False)
LONGEST = 512
GATEWAY = "gateway"
"""The one role that polls: who else did would be waited for like a gateway that does not accept."""


async def _gateway(request: Request, actor: CurrentActor) -> None:
    """Only a gateway polls, and what it asks is an object. Raises: Forbidden, BadInput."""
    if actor.role != GATEWAY:
        raise Forbidden(f"The token '{actor.name}' is not a gateway's.")
    request.state.discovery = _parsed(await request.body())


def _parsed(body: bytes) -> Document:
    try:
        asked = orjson.loads(body)
    except ValueError as error:
        raise BadInput("The body is not JSON.") from error
    if not isinstance(asked, dict) or not isinstance(asked.get("node"), dict):
        raise BadInput("The body is not a discovery request.")
    return asked


GUARD = [permit("serving.discovery.read"), Depends(_gateway)]


@router.post("/v3/discovery:clusters", dependencies=GUARD)
async def clusters(request: Request, services: CurrentServices) -> Response:
    """The clusters, one for each revision; 304 when nothing is new."""
    return await _answer(services, request.state.discovery, "clusters")


@router.post("/v3/discovery:routes", dependencies=GUARD)
async def routes(request: Request, services: CurrentServices) -> Response:
    """One route table; 304 when nothing is new."""
    name = _named(request.state.discovery, TABLES)
    return await _answer(services, request.state.discovery, name)


@router.post("/v3/discovery:extension_configs", dependencies=GUARD)
async def extensions(request: Request, services: CurrentServices) -> Response:
    """The configuration of one filter; 304 when nothing is new."""
    name = _named(request.state.discovery, EXTENSIONS)
    return await _answer(services, request.state.discovery, name)


def _named(asked: Document, known: tuple[str, ...]) -> str:
    names = asked.get("resource_names")
    if not (isinstance(names, list) and len(names) == 1 and names[0] in known):
        raise BadInput(f"Ask for one of {', '.join(known)}.")
    return str(names[0])


async def _answer(services: Services, body: Document, name: str) -> Response:
    node, version = str(body["node"].get("id", ""))[:LONGEST], str(body.get("version_info", ""))[:LONGEST]
    content = await services.running().discovery.poll(node, name, version)
    return Response(status_code=304) if content is None else Response(content, media_type="application/json")
