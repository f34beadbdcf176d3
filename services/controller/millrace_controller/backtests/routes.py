"""Backtests over HTTP: what a loop would have done on last year's data."""

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Path, Query, Request, Response

from millrace.transport.errors import ApiError
from millrace_contracts.backtests import BacktestOutcome, BacktestProgress, BacktestRead, BacktestWrite
from millrace_controller.backtests import queries
from millrace_controller.backtests.tables import Backtest
from millrace_controller.services import CurrentServices, Services
from millrace_controller.waits import Wait
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.errors import BadInput, FieldError
from millrace_core.held import answered
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, paginate

router = APIRouter(prefix="/v1/backtests", tags=["backtests"])
READ, WRITE = permit("controller.backtests.read"), permit("controller.backtests.write")
TELL = permit("controller.replays.write")
"""A replay tells of itself; a person does not."""
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")]


@router.post("", status_code=201, response_model=BacktestRead, dependencies=[WRITE])
async def post_backtest(
    body: BacktestWrite,
    project: Project,
    services: CurrentServices,
    response: Response,
    after_commit: BackgroundTasks,
) -> Backtest:
    """Replay a history through a loop; the same request again answers 200 with what is known of it."""
    if body.loop.spec.data.event_time is None:
        where = FieldError("loop.spec.data.eventTime", "is missing", "name the column with the time of a row")
        raise BadInput("A backtest replays days, so rows need event times.", [where])
    await _stored(services, project, body.digest)
    async with services.sessions.begin() as session:
        backtest, new = await queries.begin(session, project, body)
    response.status_code = 201 if new else 200
    after_commit.add_task(services.changes.tell)
    return backtest


async def _stored(services: Services, project: str, digest: str) -> None:
    try:
        await services.clients.registry.check_artifact(digest, project=project)
    except ApiError as error:
        if error.status != 404:
            raise
        where = FieldError("digest", "is not stored", "send the file to the registry first")
        raise BadInput("The history is not there.", [where]) from error


@router.get("", response_model=Page[BacktestRead], dependencies=[READ])
async def list_backtests(
    session: Session,
    project: Project,
    limit: Limit = 100,
    cursor: Cursor = None,
    of: Annotated[Name | None, Query(description="Name of a loop: only its own.")] = None,
) -> dict[str, object]:
    """The project's backtests by id."""
    keys = decode(cursor, str)
    rows = await queries.page(session, project, str(keys[0]) if keys else None, limit, of)
    return paginate(rows, limit, lambda row: (row.id,))


@router.get("/{id}", response_model=BacktestRead, dependencies=[READ])
async def get_backtest(
    id: Id, request: Request, project: Project, services: CurrentServices, wait: Wait = 0
) -> Backtest:
    """One backtest; with `wait`, as soon as it has ended or the time is up."""

    async def look() -> Backtest:
        async with services.readers() as session:
            return await queries.get(session, project, id)

    return await answered(
        request, services.changes.until(look, lambda backtest: backtest.ended_at is not None, wait)
    )


@router.post("/{id}:cancel", response_model=BacktestRead, status_code=202, dependencies=[WRITE])
async def cancel_backtest(
    id: Id, project: Project, session: Session, services: CurrentServices, after_commit: BackgroundTasks
) -> Backtest:
    """End a backtest before its time: nothing of it is left but that. 409 for one that is over; said twice, as once."""
    after_commit.add_task(services.changes.tell)
    return await queries.cancel(session, project, id)


@router.put("/{id}/progress", status_code=204, response_class=Response, dependencies=[TELL])
async def put_progress(id: Id, body: BacktestProgress, project: Project, services: CurrentServices) -> None:
    """How far its replay is, as the replay says; 409 once it has ended."""
    await _told(services, project, id, progress=body.model_dump())


@router.put("/{id}/result", status_code=204, response_class=Response, dependencies=[TELL])
async def put_result(id: Id, body: BacktestOutcome, project: Project, services: CurrentServices) -> None:
    """What its replay found; it counts when the replay has ended well."""
    await _told(services, project, id, result=body.result)


async def _told(services: Services, project: str, id: str, **facts: object) -> None:
    async with services.sessions.begin() as session:
        await queries.tell(session, project, id, **facts)
    services.changes.ring()
