"""The card of a version over HTTP: as JSON, as Markdown, and as a page that is read anywhere."""

import asyncio
import contextlib
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from millrace import cards
from millrace.aio import cards as gathering
from millrace.transport.errors import ApiError
from millrace_contracts.bodies import Document
from millrace_contracts.cards import CardFormat, ModelCard
from millrace_contracts.loop_runs import LoopRunRead
from millrace_contracts.models import ModelVersionRead
from millrace_controller.lookup import queries as lookup
from millrace_controller.runs import queries as runs
from millrace_controller.services import CurrentServices, Services
from millrace_core.auth import permit
from millrace_core.errors import NotFound
from millrace_core.names import Name, Project

router = APIRouter(prefix="/v1/loops/{loop}", tags=["cards"])
FORMS = {"markdown": (cards.markdown, "text/markdown"), "html": (cards.html, "text/html")}
FORMAT = Query(description="json; or a document to keep: markdown, html.")
Number = Annotated[int, Path(ge=1, lt=2**31)]


@router.get(
    "/versions/{version}/card", response_model=ModelCard, dependencies=[permit("controller.loops.read")]
)
async def card(
    loop: Name,
    version: Number,
    project: Project,
    services: CurrentServices,
    format: Annotated[CardFormat, FORMAT] = "json",
) -> ModelCard | Response:
    """Everything that is known of one version, told in one document."""
    try:
        release = await services.clients.registry.version(loop, version, project=project)
    except ApiError as error:
        if error.status != 404:
            raise
        raise NotFound(f"There is no version {version} of {loop}.") from error
    unknown = list[str]()
    declared, run = await _known(services, project, release, unknown)
    told = await gathering.of(services.clients, release, declared, run, unknown, project=project)
    if format == "json":
        return told
    write, kind = FORMS[format]
    return Response(await asyncio.to_thread(write, told), media_type=kind)


async def _known(
    services: Services, project: str, release: ModelVersionRead, unknown: list[str]
) -> tuple[Document | None, LoopRunRead | None]:
    """What the loop declares, and the run that made the version; what is gone is added to *unknown*."""
    number = release.lineage.loop_run
    async with services.readers() as session:
        loop = await lookup.find(session, project, release.model)
        run = None
        if loop is not None and number is not None:
            with contextlib.suppress(NotFound):
                run = LoopRunRead.model_validate(await runs.get(session, loop, number))
    standing = loop is not None and loop.state != lookup.DELETED
    unknown += [] if standing else [gathering.LOOP_GONE]
    if run is None:
        unknown.append(gathering.NO_RUN if number is None else gathering.RUN_GONE)
    return loop.document if loop is not None and standing else None, run
