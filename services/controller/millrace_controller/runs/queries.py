"""SQL of loop runs: opened once for a trigger, one in flight, moved by guarded updates."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.bodies import Document
from millrace_contracts.decisions import Decision
from millrace_contracts.loop_runs import RunCause, RunPlan, StepRead, Traffic
from millrace_contracts.waiting import Waiting
from millrace_controller.lookup.queries import DELETED
from millrace_controller.runs import lineage, states
from millrace_controller.runs.states import IN_FLIGHT, State
from millrace_controller.tables import LineageEvent, Loop, Outbox, Run
from millrace_controller.triggers.rules import FailedRun
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_core.openlineage import queries as openlineage
from millrace_core.outbox import decide
from millrace_core.persons import Person


def no_run(loop: str, number: int) -> NotFound:
    """What is told of a run that is not there."""
    return NotFound(f"{loop} has no run {number}.")


async def get(session: AsyncSession, loop: Loop, number: int) -> Run:
    """One run. Raises NotFound."""
    run = await session.get(Run, (loop.id, number)) if 0 < number < 2**31 else None
    if run is None:
        raise no_run(loop.name, number)
    return run


async def locked(session: AsyncSession, project: str, name: str, number: int) -> tuple[Loop, Run]:
    """A loop and its run, which nobody else changes until the transaction ends. Raises: NotFound."""
    mine = select(Loop).where(Loop.project == project, Loop.name == name).with_for_update()
    loop = (await session.scalars(mine)).one_or_none()
    if loop is None or loop.state == DELETED:
        raise no_run(name, number)
    run = await get(session, loop, number)
    await session.refresh(run, with_for_update=True)
    return loop, run


async def use(session: AsyncSession, run: Run) -> None:
    """Use what was approved, once. Raises: Conflict if it is not approved, or was used."""
    mine = (
        Run.loop_id == run.loop_id,
        Run.number == run.number,
        Run.state == State.AWAITING_APPROVAL,
        Run.approvals >= Run.approvals_needed,
        Run.approval_used_at.is_(None),
    )
    change = update(Run).where(*mine).values(approval_used_at=utcnow())
    result = await session.execute(change.execution_options(synchronize_session=False))
    if result.rowcount == 0:  # type: ignore[attr-defined]
        raise Conflict(f"Run {run.number} is not approved, or its approval was used.")
    await session.refresh(run)


async def page(session: AsyncSession, loop: Loop, after: int, limit: int) -> list[Run]:
    """Runs of a loop, oldest first; one more than *limit*."""
    statement = (
        select(Run).where(Run.loop_id == loop.id, Run.number > after).order_by(Run.number).limit(limit + 1)
    )
    return list((await session.scalars(statement)).all())


async def before(session: AsyncSession, run: Run, most: int = 100) -> list[Run]:
    """The newest runs of the loop that were opened before this one, oldest first."""
    mine = (Run.loop_id == run.loop_id, Run.number < run.number)
    newest = select(Run).where(*mine).order_by(Run.number.desc()).limit(most)
    return list(reversed((await session.scalars(newest)).all()))


async def in_flight(session: AsyncSession, loop_id: int) -> Run | None:
    """The run in flight, if any."""
    statement = select(Run).where(Run.loop_id == loop_id, Run.state.in_(IN_FLIGHT))
    return (await session.scalars(statement)).one_or_none()


async def newest(session: AsyncSession, loop: Loop) -> Run | None:
    """The run that was opened last, in flight or not."""
    return await get(session, loop, loop.runs) if loop.runs else None


async def failed(session: AsyncSession, last: Run | None) -> FailedRun | None:
    """The *last* run, if its data was refused, or if it failed and what its gates called for was not done."""
    if last is None or states.answers(last.state, last.verdict):
        return None
    earlier = (Run.loop_id == last.loop_id, Run.number < last.number)
    newest = select(Run.state, Run.verdict, Run.opened_at).where(*earlier).order_by(Run.number.desc())
    rows = await session.stream(newest)
    try:
        spoken = (opened_at async for state, verdict, opened_at in rows if states.answers(state, verdict))
        return FailedRun(last.number, await anext(spoken, None))
    finally:
        await rows.close()


async def by_key(session: AsyncSession, loop_id: int, key: str) -> Run | None:
    return (await session.scalars(select(Run).where(Run.loop_id == loop_id, Run.key == key))).one_or_none()


async def digest(session: AsyncSession, loop_id: int, version: int) -> str | None:
    """Digest of the release unit that a run of the loop registered as *version*."""
    made = (
        select(Run.digest).where(Run.loop_id == loop_id, Run.version == version).order_by(Run.number.desc())
    )
    return (await session.scalars(made.limit(1))).one_or_none()


async def note_rollout(session: AsyncSession, run: Run, traffic: Traffic, waiting: Waiting | None) -> None:
    """Remember where a run's rollout stands, and what its candidate's pods wait for."""
    mine = (Run.loop_id == run.loop_id, Run.number == run.number)
    await session.execute(update(Run).where(*mine).values(traffic=traffic, waiting=waiting))


async def add(
    session: AsyncSession,
    loop: Loop,
    key: str,
    cause: RunCause,
    plan: RunPlan,
    opened_at: datetime | None,
    opened: Decision,
    asked_by: Person | None = None,
) -> Run:
    """Open a run with its decision. Raises: Conflict if one is in flight."""
    made = Run(
        loop_id=loop.id, number=loop.runs + 1, key=key, state=State.PENDING, cause=cause, plan=plan,
        opened_at=opened_at, decision=opened.id, steps={}, created_at=utcnow(),
        asked_by=asked_by and asked_by.name, asked_by_id=(asked_by and asked_by.identifier) or None,
        declared_by=loop.declared_by, declared_by_id=loop.declared_by_id,
    )  # fmt: skip
    session.add(made)
    loop.runs += 1
    loop.opened_at = opened_at or loop.settled_through or loop.opened_at
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(f"{loop.name} has a run in flight; wait for it, or pause the loop.") from error
    await decide(session, Outbox, opened)
    await openlineage.note(session, LineageEvent, *lineage.opened(loop, made))
    return made


async def move(session: AsyncSession, run: Run, new: State, **values: Any) -> None:
    """Move a run, unless someone else moved it since it was read; what it waited for is over. Raises: Conflict."""
    old = State(run.state)
    states.check(old, new)
    ended = {} if new in IN_FLIGHT else {"ended_at": utcnow()}
    mine = (Run.loop_id == run.loop_id, Run.number == run.number, Run.state == run.state)
    change = update(Run).where(*mine).values({"waiting": None} | values | ended | {"state": new})
    result = await session.execute(change.execution_options(synchronize_session=False))
    if result.rowcount == 0:  # type: ignore[attr-defined]
        raise Conflict(f"Run {run.number} was moved by someone else.")
    await session.refresh(run)
    if openlineage.wanted(session):
        loop = await session.get_one(Loop, run.loop_id)
        await openlineage.note(session, LineageEvent, *lineage.moved(loop, run, old, new))


async def note_step(session: AsyncSession, run: Run, step: str, told: StepRead) -> None:
    """Remember how far a step is."""
    before = run.steps.get(step)
    run.steps = run.steps | {step: told}
    await session.flush()
    if openlineage.wanted(session):
        loop = await session.get_one(Loop, run.loop_id)
        await openlineage.note(session, LineageEvent, *lineage.stepped(loop, run, step, before, told))


async def note_pipeline(session: AsyncSession, run: Run, handle: Document, waiting: Waiting | None) -> None:
    """Remember what was seen of the run's pipeline, and what it or the job that it waits for waits for."""
    run.pipeline, run.waiting = handle, waiting
    await session.flush()
