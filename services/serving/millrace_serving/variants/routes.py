"""HTTP of measurements: what pods tell that measured a form on their node."""

from fastapi import APIRouter, Response

from millrace_contracts.variants import BASE_TARGET, MeasurementWrite
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import AsyncSession
from millrace_core.errors import BadInput, Forbidden
from millrace_core.names import Project
from millrace_serving.dataplane import Unasked
from millrace_serving.revisions import queries
from millrace_serving.revisions.wire import offered
from millrace_serving.services import CurrentServices

router = APIRouter(prefix="/v1/measurements", tags=["measurements"])
MEASURED_BY = "measure"
"""Role of the pods that measure: each may tell of the question that it was made for alone."""


@router.post("", dependencies=[permit("serving.measurements.write")], status_code=204)
async def report(
    body: MeasurementWrite, project: Project, services: CurrentServices, actor: CurrentActor
) -> Response:
    """Tell how fast a form is on a node; serving chooses by it at its next look."""
    async with services.readers() as session:
        if not await _offers(session, project, body):
            raise BadInput(f"No revision of the project {project} has {body.digest} for {body.target}.")
    if body.target != BASE_TARGET and not body.measurement.speed_up:
        raise BadInput("The measurement has no speed_up, by which forms are chosen; send one for each batch.")
    if not body.measurement.base:
        raise BadInput("The measurement has no base: how long the base form takes; send one for each batch.")
    pod = (actor.pod or "") if actor.role == MEASURED_BY else None
    try:
        measured = await services.running().reported(body, pod)
    except Unasked as error:
        raise Forbidden(str(error)) from error
    async with services.sessions.begin() as session:
        await queries.keep_measured(session, body.digest, body.target, measured)
    services.measured.set()
    return Response(status_code=204)


async def _offers(session: AsyncSession, project: str, body: MeasurementWrite) -> bool:
    """Whether a revision that is loaded has that graph for that target among its forms."""
    return any(
        (item.target, item.digest) == (body.target, body.digest)
        for endpoint, revision in await queries.ready(session)
        if endpoint.project == project
        for item in offered(revision)
    )
