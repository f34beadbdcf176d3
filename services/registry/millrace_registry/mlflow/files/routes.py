"""Files over HTTP: bytes in under a label, and out again, checked against their digest."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from millrace_core.database import Session
from millrace_core.errors import MillraceError, Unavailable
from millrace_core.names import Project
from millrace_registry.artifacts import queries as artifacts
from millrace_registry.mlflow.answers import Nothing, Sent, invalid
from millrace_registry.mlflow.doors import API, READ, WRITE, Doors
from millrace_registry.mlflow.files import queries
from millrace_registry.mlflow.files.paths import Place, label, parse
from millrace_registry.mlflow.files.schemas import FilesFound, FilesOfRun, FileTold
from millrace_registry.mlflow.runs import queries as runs
from millrace_registry.services import CurrentServices

PATH = "/api/2.0/mlflow-artifacts"
SMALL = 8 * 2**20
router, proxied = Doors(API), Doors(PATH)
ROUTERS: tuple[APIRouter, ...] = (router, proxied)


class NotHere(MillraceError):
    """What other servers can and this one does not."""

    status, title = 501, "Not implemented"


class FolderAsked(Sent):
    """Which folder, from the root of all artifacts."""

    path: str = ""


@router.get("/artifacts/list", dependencies=[READ])
async def list_files(asked: Annotated[FilesOfRun, Query()], session: Session, project: Project) -> FilesFound:
    """What lies in a folder of a run."""
    run = await runs.get(session, project, asked.run_id or asked.run_uuid)
    folder = (await runs.shown_experiments(session, [run]))[run.experiment_id]
    path = label(asked.path)
    found = await _folder(session, project, Place("run", run.id, path))
    root = f"mlflow-artifacts:/{folder}/{run.id}/artifacts"
    return FilesFound(root_uri=root, files=found or None)


async def _folder(session: Session, project: str, place: Place) -> list[FileTold]:
    """What lies directly in a folder; nothing in a file."""
    return [item for item in await queries.listed(session, project, place) if item.path != place.path]


@proxied.get("/artifacts", dependencies=[READ])
async def list_proxied(
    asked: Annotated[FolderAsked, Query()], session: Session, project: Project
) -> FilesFound:
    """What lies in a folder of a run or a logged model, by names within it."""
    place = parse(asked.path)
    found = await _folder(session, project, place)
    named = [item.model_copy(update={"path": item.path.rpartition("/")[2]}) for item in found]
    return FilesFound(files=named or None)


@proxied.put("/artifacts/{path:path}", dependencies=[WRITE])
async def store_file(path: str, request: Request, services: CurrentServices, project: Project) -> Nothing:
    """Keep the body's bytes under a label of a run or a logged model."""
    place = parse(path)
    if not place.path:
        raise invalid(f"Invalid path: '{path[:300]}': a file has a name.")
    async with services.sessions.begin() as session:
        await queries.check(session, project, place, write=True)
    blob = await services.store.put(request.stream())
    async with services.sessions.begin() as session:
        await queries.check(session, project, place, write=True)
        await artifacts.add(session, project, blob.digest, blob.size, "application/octet-stream")
        await queries.put(session, project, place, blob.digest, blob.size)
        if not await services.store.exists(blob.digest):
            raise Unavailable(
                "The same bytes were removed by retention at this very moment; send them again."
            )
    return Nothing()


@proxied.get("/artifacts/{path:path}", dependencies=[READ], response_class=Response)
async def read_file(path: str, services: CurrentServices, session: Session, project: Project) -> Response:
    """A file's bytes."""
    place = parse(path)
    written = await queries.written(session, project, place)
    if written is not None:
        return Response(written, media_type="application/octet-stream")
    digest, size = await queries.one(session, project, place)
    name = quote(place.path.rpartition("/")[2])
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{name}",
        "x-content-type-options": "nosniff",
    }
    if size <= SMALL:
        return Response(
            await services.store.read(digest), media_type="application/octet-stream", headers=headers
        )
    headers["content-length"] = str(size)
    return StreamingResponse(
        services.store.open(digest), media_type="application/octet-stream", headers=headers
    )


@proxied.delete("/artifacts/{path:path}", dependencies=[WRITE])
async def delete_file(path: str, session: Session, project: Project) -> Nothing:
    """Take a file or a folder away from its run or logged model."""
    place = parse(path)
    await queries.check(session, project, place, write=True)
    await queries.remove(session, project, place)
    return Nothing()


@proxied.post("/mpu/{step}/{path:path}", dependencies=[WRITE])
async def upload_in_parts(step: str, path: str, project: Project) -> Nothing:
    """Files come whole: clients send them so when they hear this."""
    raise NotHere(
        "Files are not sent in parts here: send them whole, which is what clients do by themselves."
    )


@proxied.get("/presigned/{path:path}", dependencies=[READ])
async def presigned(path: str, project: Project) -> Nothing:
    """Files are read through here: there is no other address of them."""
    raise NotHere("Files are read here and nowhere else: unset MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD.")
