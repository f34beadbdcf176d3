"""Alarms over HTTP."""

from datetime import UTC, date
from typing import Annotated

from fastapi import APIRouter, Path, Query

from millrace_contracts.alarms import AlarmRead, SilenceWrite, StandingWrite
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.errors import BadInput
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, paginate
from millrace_monitoring.alarms import opening, queries, silencing
from millrace_monitoring.alarms.findings import AlarmFinding
from millrace_monitoring.alarms.opening import Place
from millrace_monitoring.alarms.states import AlarmPhase
from millrace_monitoring.tables import Alarm

router = APIRouter(prefix="/v1/alarms", tags=["alarms"])
Id = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]


@router.get("", dependencies=[permit("monitoring.alarms.read")])
async def every(
    project: Project,
    session: Session,
    endpoint: Annotated[Name | None, Query()] = None,
    state: AlarmPhase | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[AlarmRead]:
    """Alarms, the newest first."""
    found = await queries.page(session, project, endpoint, state, _before(cursor), limit)
    page = paginate(found, limit, lambda alarm: (alarm.opened_day.isoformat(), alarm.id))
    return Page[AlarmRead].model_validate(page, from_attributes=True)


@router.get("/{id}", dependencies=[permit("monitoring.alarms.read")], response_model=AlarmRead)
async def one(id: Id, project: Project, session: Session) -> Alarm:
    """One alarm with its evidence."""
    return await queries.get(session, project, id)


@router.post("/{id}:acknowledge", dependencies=[permit("monitoring.alarms.write")], response_model=AlarmRead)
async def acknowledge(id: Id, project: Project, session: Session, actor: CurrentActor) -> Alarm:
    """Say that you have seen it; repeating it changes nothing."""
    alarm = await queries.get(session, project, id)
    await silencing.acknowledge(session, alarm, actor)
    return alarm


@router.post("/{id}:silence", dependencies=[permit("monitoring.alarms.write")], response_model=AlarmRead)
async def silence(
    id: Id, body: SilenceWrite, project: Project, session: Session, actor: CurrentActor
) -> Alarm:
    """Tell people nothing of it until then; it opens runs and is recorded as every other."""
    alarm = await queries.get(session, project, id)
    await silencing.silence(session, alarm, body, actor)
    return alarm


@router.post("/{id}:unsilence", dependencies=[permit("monitoring.alarms.write")], response_model=AlarmRead)
async def unsilence(id: Id, project: Project, session: Session, actor: CurrentActor) -> Alarm:
    """Tell people of it again; repeating it changes nothing."""
    alarm = await queries.get(session, project, id)
    await silencing.unsilence(session, alarm, actor)
    return alarm


@router.put(
    "/standing/{endpoint}",
    dependencies=[permit("monitoring.standing.write")],
    response_model=list[AlarmRead],
)
async def hold(endpoint: Name, body: StandingWrite, project: Project, session: Session) -> list[Alarm]:
    """Say which findings of a kind stand that no closed day finds; repeating it changes nothing."""
    place = Place(project, endpoint, body.loop, body.at.astimezone(UTC).date(), body.at, timed=False)
    findings = [AlarmFinding(body.kind, item.cause, item.reason, item.evidence) for item in body.findings]
    return await opening.hold(session, place, body.kind, findings)


def _before(cursor: str | None) -> tuple[date, str] | None:
    keys = decode(cursor, str, str)
    if keys is None:
        return None
    try:
        return date.fromisoformat(str(keys[0])), str(keys[1])
    except ValueError as error:
        raise BadInput("The cursor is not valid.") from error
