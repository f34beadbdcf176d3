"""Loop runs over HTTP: read by people, told by pipeline steps."""

from fastapi import APIRouter, BackgroundTasks, Request

from millrace_contracts.decisions import Decision, decision
from millrace_contracts.deliveries import FeedbackSource
from millrace_contracts.loop_runs import (
    GateWrite,
    LoopRunRead,
    RefusalWrite,
    RegisteredWrite,
    RunPlan,
    StepName,
    StepRead,
    StepWrite,
)
from millrace_contracts.verdicts import GatesVerdict
from millrace_controller.lookup import queries as lookup
from millrace_controller.runs import judging, plan, queries, rolling_out
from millrace_controller.runs.ending import closed, place
from millrace_controller.runs.states import State
from millrace_controller.services import CurrentServices
from millrace_controller.tables import Loop, Outbox, Run
from millrace_controller.waits import Wait
from millrace_core.auth import permit
from millrace_core.database import Session, utcnow
from millrace_core.held import answered
from millrace_core.names import Name, Project
from millrace_core.outbox import decide
from millrace_core.pages import Cursor, Limit, Page, decode, paginate

router = APIRouter(prefix="/v1/loops/{loop}/runs", tags=["runs"])
READ, WRITE = permit("controller.runs.read"), permit("controller.runs.write")


@router.get("", response_model=Page[LoopRunRead], dependencies=[READ])
async def list_runs(
    loop: Name, session: Session, project: Project, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, object]:
    """Runs of a loop, oldest first."""
    owner = await lookup.get(session, project, loop)
    keys = decode(cursor, int)
    rows = await queries.page(session, owner, int(keys[0]) if keys else 0, limit)
    return paginate(rows, limit, lambda row: (row.number,))


@router.get("/{number}", response_model=LoopRunRead, dependencies=[READ])
async def get_run(
    loop: Name, number: int, request: Request, services: CurrentServices, project: Project, wait: Wait = 0
) -> Run:
    """One run; with `wait`, as soon as it has ended."""

    async def look() -> Run:
        async with services.readers() as session:
            return await queries.get(session, await lookup.get(session, project, loop), number)

    return await answered(request, services.changes.until(look, lambda run: run.ended_at is not None, wait))


@router.get("/{number}/plan", response_model=RunPlan, response_model_exclude_unset=True, dependencies=[READ])
async def get_plan(
    loop: Name, number: int, session: Session, project: Project, services: CurrentServices
) -> RunPlan:
    """What each step of the run is asked to do."""
    run = await queries.get(session, await lookup.get(session, project, loop), number)
    return plan.honoured(run.plan, services.settings.platform == "kubernetes")


@router.put("/{number}/steps/{step}", response_model=LoopRunRead, dependencies=[WRITE])
async def tell_step(
    loop: Name,
    number: int,
    step: StepName,
    body: StepWrite,
    session: Session,
    project: Project,
    services: CurrentServices,
    after_commit: BackgroundTasks,
) -> Run:
    """A step tells how far it is."""
    owner = await lookup.get(session, project, loop)
    run = await queries.get(session, owner, number)
    before = run.steps.get(step)
    told = StepRead(**body.model_dump(), at=utcnow().isoformat())
    if told.job is None and before is not None:
        told.job = before.job
    await queries.note_step(session, run, step, told)
    ingest = run.plan.ingest
    if (
        step == "ingest"
        and body.state == "succeeded"
        and ingest
        and isinstance(ingest.source, FeedbackSource)
    ):
        owner.fed_through = ingest.source.until
    after_commit.add_task(services.changes.tell)
    return run


@router.post("/{number}:refuse", response_model=LoopRunRead, dependencies=[WRITE])
async def refuse(
    loop: Name,
    number: int,
    body: RefusalWrite,
    session: Session,
    project: Project,
    services: CurrentServices,
    after_commit: BackgroundTasks,
) -> Run:
    """Close a run whose data cannot be trained on."""
    owner = await lookup.get(session, project, loop)
    run = await queries.get(session, owner, number)
    if run.state == State.REFUSED:
        return run
    await queries.move(session, run, State.REFUSED, message=body.reason)
    await decide(session, Outbox, _refused(owner, run, body.reason))
    await decide(session, Outbox, closed(owner, run, body.reason, run.opened_at))
    after_commit.add_task(services.changes.tell)
    return run


def _refused(loop: Loop, run: Run, reason: str) -> Decision:
    return decision(
        project=loop.project, loop=loop.name, kind="data.refused", subject=f"run {run.number}", outcome="refused",
        event_time=run.opened_at, author="controller",
        reason=f"The data of run {run.number} is refused: {reason}."[:2000], run=run.number,
        measured=place(run), cause=run.decision,
    )  # fmt: skip


@router.post("/{number}/gates", response_model=GatesVerdict, dependencies=[WRITE])
async def pass_gates(
    loop: Name, number: int, body: GateWrite, services: CurrentServices, project: Project
) -> GatesVerdict:
    """Judge the run's evaluation; the verdict is recorded once and then stands."""
    return await judging.pass_gates(services, project, loop, number, body)


@router.post("/{number}/rollout", response_model=LoopRunRead, dependencies=[WRITE])
async def begin_rollout(
    loop: Name, number: int, body: RegisteredWrite, services: CurrentServices, project: Project
) -> Run:
    """Begin the rollout of the version that the run registered; only after its gates have passed."""
    run = await rolling_out.begin(services, project, loop, number, body.version)
    services.changes.tell()
    return run
