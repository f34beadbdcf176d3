"""Approvals over HTTP: what waits, with its evidence; approve it, or reject it with a reason."""

from fastapi import APIRouter

from millrace_contracts.approvals import ApprovalRead, ApproveWrite, RejectWrite
from millrace_controller.approvals import beforehand, queries
from millrace_controller.approvals.deciding import Saying, approve, reject
from millrace_controller.lookup import queries as lookup
from millrace_controller.runs import queries as runs
from millrace_controller.services import CurrentServices, Services
from millrace_controller.tables import Loop, Run
from millrace_core.auth import Actor, CurrentActor, permit
from millrace_core.database import AsyncSession, Session
from millrace_core.errors import NotFound
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, paginate

router = APIRouter(prefix="/v1", tags=["approvals"])
READ, WRITE = permit("controller.approvals.read"), permit(beforehand.WRITE)
PATH = "/loops/{loop}/runs/{number}/approval"


@router.get("/approvals", response_model=Page[ApprovalRead], dependencies=[READ])
async def list_approvals(
    session: Session,
    services: CurrentServices,
    actor: CurrentActor,
    project: Project,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> dict[str, object]:
    """What waits for people's approval, by loop."""
    keys = decode(cursor, str)
    rows = await queries.waiting(session, project, (str(keys[0]), 0) if keys else None, limit)
    page = paginate(rows, limit, lambda row: (row[0].name,))
    lacks = await beforehand.lacking(services, actor, project)
    return page | {"items": [await _read(session, loop, run, actor, lacks) for loop, run in rows[:limit]]}


@router.get(PATH, response_model=ApprovalRead, dependencies=[READ])
async def get_approval(
    loop: Name,
    number: int,
    session: Session,
    services: CurrentServices,
    actor: CurrentActor,
    project: Project,
) -> ApprovalRead:
    """What people were asked to approve of a run, with its evidence, and what they said."""
    owner = await lookup.get(session, project, loop)
    lacks = await beforehand.lacking(services, actor, project)
    return await _read(session, owner, await runs.get(session, owner, number), actor, lacks)


@router.post(f"{PATH}:approve", response_model=ApprovalRead, dependencies=[WRITE])
async def approve_run(
    loop: Name,
    number: int,
    body: ApproveWrite,
    services: CurrentServices,
    project: Project,
    actor: CurrentActor,
) -> ApprovalRead:
    """Approve what has this digest; never of what one asked for oneself, and never twice."""
    await approve(services, Saying(project, loop, number, actor, body.digest, body.reason))
    return await _now(services, actor, project, loop, number)


@router.post(f"{PATH}:reject", response_model=ApprovalRead, dependencies=[WRITE])
async def reject_run(
    loop: Name,
    number: int,
    body: RejectWrite,
    services: CurrentServices,
    project: Project,
    actor: CurrentActor,
) -> ApprovalRead:
    """Reject it, with a reason: the run ends."""
    await reject(services, Saying(project, loop, number, actor, body.digest, body.reason))
    return await _now(services, actor, project, loop, number)


async def _now(services: Services, actor: Actor, project: str, loop: str, number: int) -> ApprovalRead:
    async with services.readers() as session:
        owner = await lookup.get(session, project, loop)
        return await _read(session, owner, await runs.get(session, owner, number), actor, None)


async def _read(session: AsyncSession, loop: Loop, run: Run, actor: Actor, lacks: str | None) -> ApprovalRead:
    """An approval as *actor* sees it; *lacks*: why they may say nothing in the project.

    Raises: NotFound for a run that nobody was asked to approve.
    """
    if run.approval is None:
        raise NotFound(f"Nobody was asked to approve run {run.number} of {loop.name}.")
    votes = await queries.said(session, run)
    facts = {
        "project": loop.project,
        "loop": loop.name,
        "run": run.number,
        "event_time": run.opened_at,
        "cause": run.cause.reason or run.cause.kind,
        "verdict": run.verdict,
        "metrics": {} if run.judged is None else run.judged.metrics,
        "votes": votes,
        "message": run.message,
        "approve_refused": lacks or beforehand.approve_refused(loop, run, votes, actor),
        "reject_refused": lacks or beforehand.reject_refused(loop, run, actor),
    }
    return ApprovalRead.model_validate(run.approval.model_dump() | facts)
