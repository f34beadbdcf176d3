"""All SQL about jobs; a move names the state and attempt it starts from, so that only one wins."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.bodies import Document
from millrace_contracts.jobs import JobNew, Problem
from millrace_contracts.waiting import Waiting
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_core.pages import decode
from millrace_training.jobs import specs
from millrace_training.jobs.states import ALLOWED, State
from millrace_training.jobs.turns import Start
from millrace_training.tables import Job

ASKED = ("kind", "spec", "limits", "loop", "loop_run")


async def submit(session: AsyncSession, project: str, new: JobNew) -> tuple[Job, bool]:
    """The job of this key and whether it is new. Raises Conflict if the key asked for something else."""
    asked = _asked(new)
    earlier = await by_key(session, project, new.key)
    if earlier is None:
        job = Job(
            id=uuid.uuid4().hex,
            project=project,
            key=new.key,
            state=State.QUEUED,
            created_at=utcnow(),
            **asked,
        )
        try:
            async with session.begin_nested():
                session.add(job)
            return job, True
        except IntegrityError:
            earlier = await by_key(session, project, new.key)
    assert earlier is not None
    others = any(getattr(earlier, name) != asked[name] for name in ASKED if name != "spec")
    if others or not specs.same(new.kind, earlier.spec, asked["spec"]):
        raise Conflict(f"The key '{new.key}' belongs to another job, {earlier.id}.", current=earlier.id)
    return earlier, False


def _asked(new: JobNew) -> Document:
    """What makes two jobs the same; without a placement as it was before there were any."""
    asked = new.model_dump(mode="json", include=set(ASKED))
    del asked["limits"]["placement"]
    if new.limits.placement is not None:
        asked["limits"]["placement"] = new.limits.placement.model_dump(mode="json", by_alias=True)
    return asked


async def by_key(session: AsyncSession, project: str, key: str) -> Job | None:
    job: Job | None = await session.scalar(select(Job).where(Job.project == project, Job.key == key))
    return job


async def get(session: AsyncSession, project: str, id: str) -> Job:
    """Raises NotFound."""
    job = await session.scalar(select(Job).where(Job.project == project, Job.id == id))
    if job is None:
        raise NotFound(f"There is no job {id}.")
    return job


async def hold(session: AsyncSession, project: str, id: str) -> Job:
    """The job, whose row nobody else changes until the transaction is over. Raises: NotFound."""
    query = select(Job).where(Job.project == project, Job.id == id).with_for_update()
    job = await session.scalar(query)
    if job is None:
        raise NotFound(f"There is no job {id}.")
    return job


async def page(
    session: AsyncSession,
    project: str,
    state: State | None,
    loop: str | None,
    limit: int,
    cursor: str | None,
) -> list[Job]:
    """The newest jobs first, one more than *limit*."""
    query = select(Job).where(Job.project == project)
    if state is not None:
        query = query.where(Job.state == state)
    if loop is not None:
        query = query.where(Job.loop == loop)
    after = decode(cursor, int)
    if after is not None:
        query = query.where(Job.number < after[0])
    return list((await session.scalars(query.order_by(Job.number.desc()).limit(limit + 1))).all())


async def active(session: AsyncSession) -> list[Job]:
    """Every job that is not over, in every project, oldest first."""
    query = select(Job).where(Job.state.in_((State.QUEUED, State.RUNNING))).order_by(Job.number)
    return list((await session.scalars(query)).all())


async def starts(session: AsyncSession, limit: int) -> list[Start]:
    """The latest starts, each job's last, newest first."""
    query = select(Job.attempt_at, Job.project, Job.loop, Job.kind).where(Job.attempt_at.is_not(None))
    rows = await session.execute(query.order_by(Job.attempt_at.desc()).limit(limit))
    return [Start(moment, (project, loop), kind) for moment, project, loop, kind in rows if moment]


async def move(session: AsyncSession, job: Job, new: State, **values: Any) -> bool:
    """Set the state, unless it was moved since *job* was read (False)."""
    assert new in ALLOWED[State(job.state)]
    same = (Job.id == job.id, Job.state == job.state, Job.attempts == job.attempts)
    done = await session.execute(update(Job).where(*same).values(state=new, **values))
    return bool(done.rowcount)  # type: ignore[attr-defined]


async def end(
    session: AsyncSession,
    job: Job,
    state: State,
    result: Document | None,
    error: Problem | None,
    peak: int,
    quarantine: bool = False,
) -> bool:
    """The job is over, unless it was moved since *job* was read (False).

    *quarantine*: its delivery is still to be kept.
    """
    shown = None if error is None else error.model_dump(mode="json")
    more = {"peak_rss_bytes": peak, "ended_at": utcnow(), "waiting": None, "quarantine_due": quarantine}
    return await move(session, job, state, result=result, error=shown, **more)


async def quarantine_due(session: AsyncSession) -> list[Job]:
    """Failed deliveries that are not in quarantine yet, oldest first."""
    query = select(Job).where(Job.quarantine_due.is_(True)).order_by(Job.number).limit(100)
    return list((await session.scalars(query)).all())


async def quarantined(session: AsyncSession, job: Job) -> None:
    """The delivery of a failed job is kept, or cannot be."""
    await session.execute(update(Job).where(Job.id == job.id).values(quarantine_due=False))


async def note(session: AsyncSession, job: Job, **values: Any) -> None:
    """Record how a running job is doing."""
    await session.execute(update(Job).where(Job.id == job.id, Job.state == State.RUNNING).values(**values))


async def tell_waiting(session: AsyncSession, waits: Mapping[str, Waiting]) -> None:
    """Record what waiting jobs wait for."""
    for id, waiting in waits.items():
        mine = update(Job).where(Job.id == id, Job.state == State.QUEUED)
        await session.execute(mine.values(waiting=waiting.model_dump()))


async def cancel(session: AsyncSession, job: Job, now: datetime) -> None:
    """A waiting job is over at once; a running one is asked to stop; an ended one stays as it is."""
    waiting = update(Job).where(Job.id == job.id, Job.state == State.QUEUED)
    await session.execute(waiting.values(state=State.CANCELLED, cancel_at=now, ended_at=now, waiting=None))
    running = update(Job).where(Job.id == job.id, Job.state == State.RUNNING, Job.cancel_at.is_(None))
    await session.execute(running.values(cancel_at=now))


async def ended_before(session: AsyncSession, moment: datetime) -> list[str]:
    """Ids of jobs that were over before *moment*."""
    return list((await session.scalars(select(Job.id).where(Job.ended_at < moment))).all())
