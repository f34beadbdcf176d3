"""Artifacts over HTTP: bytes in, a digest out; bytes are checked on their way back."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from millrace_contracts.artifacts import ArtifactRead
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.errors import Unavailable
from millrace_core.names import Digest, Project
from millrace_registry.artifacts import queries
from millrace_registry.projects.queries import ensure
from millrace_registry.services import CurrentServices
from millrace_registry.tables import Artifact

PATH = "/v1/artifacts"
SMALL = 8 * 2**20
router = APIRouter(prefix=PATH, tags=["artifacts"])
READ, WRITE = permit("registry.artifacts.read"), permit("registry.artifacts.write")


@router.post("", response_model=ArtifactRead, status_code=201, dependencies=[WRITE])
async def store_artifact(
    request: Request,
    services: CurrentServices,
    session: Session,
    project: Project,
    x_millrace_digest: Annotated[Digest | None, Header(description="Digest the body must have.")] = None,
    content_type: Annotated[
        str, Header(max_length=200, pattern=r"^[\x20-\x7e]*$")
    ] = "application/octet-stream",
) -> Artifact:
    """Store the request's body. The same bytes again are the same artifact."""
    store = services.store
    blob = await store.put(request.stream(), expected=x_millrace_digest)
    await ensure(session, project)
    await queries.add(session, project, blob.digest, blob.size, content_type)
    if not await store.exists(blob.digest):
        raise Unavailable("The same bytes were removed by retention at this very moment; send them again.")
    return await queries.get(session, project, blob.digest)


@router.get("/{digest}", dependencies=[READ], response_class=Response)
async def read_artifact(
    digest: Digest, services: CurrentServices, session: Session, project: Project
) -> Response:
    """The bytes, checked against their digest: small ones before the answer, large ones while they stream."""
    artifact = await queries.get(session, project, digest)
    store, headers = services.store, _headers(digest)
    if artifact.size <= SMALL:
        return Response(await store.read(digest), media_type="application/octet-stream", headers=headers)
    headers["content-length"] = str(artifact.size)
    return StreamingResponse(store.open(digest), media_type="application/octet-stream", headers=headers)


def _headers(digest: str) -> dict[str, str]:
    """A browser that is led here shall not run what it finds."""
    quoted = f'"{digest}"'
    return {"content-disposition": "attachment", "x-content-type-options": "nosniff", "etag": quoted}


@router.head("/{digest}", dependencies=[READ], response_class=Response)
async def check_artifact(
    digest: Digest, services: CurrentServices, session: Session, project: Project
) -> Response:
    """Whether the artifact is there and whole: its bytes are read through and checked, and not sent."""
    found = await queries.get(session, project, digest)
    await services.store.verify(digest)
    headers = _headers(digest) | {"content-length": str(found.size)}
    return Response(media_type="application/octet-stream", headers=headers)


@router.get("/{digest}/facts", response_model=ArtifactRead, dependencies=[READ])
async def describe_artifact(digest: Digest, session: Session, project: Project) -> Artifact:
    """Size and type of an artifact, without its bytes."""
    return await queries.get(session, project, digest)
