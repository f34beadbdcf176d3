"""One level-triggered pass over all jobs: see what became of the running, start the waiting."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from millrace_contracts.bodies import Document
from millrace_contracts.waiting import Waiting
from millrace_core import outbox, pauses
from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import BadInput, Conflict, Forbidden, NotFound
from millrace_core.log import log
from millrace_core.openlineage import queries as openlineage
from millrace_core.openlineage.events import Happened
from millrace_core.waiting import QUOTA, QUOTA_IS_USED
from millrace_training.jobs import ending, failed, lineage, metrics, queries, turns
from millrace_training.jobs.states import State
from millrace_training.jobs.turns import Floor
from millrace_training.launch import limits
from millrace_training.process.sight import Outcome, Sight
from millrace_training.runtime.assignment import Assignment
from millrace_training.services import Services
from millrace_training.tables import Job, LineageEvent, Outbox

REST_SECONDS = 5.0
"""Without jobs, seconds until the next look, unless someone submits one."""
STARTS = 200
"""How far back it is looked whose jobs were started, where some have to wait."""
REFUSED = (BadInput, Conflict, Forbidden, NotFound)
"""What a cluster answers to a job that it will not take later either."""


class JobController:
    """Keeps what runs and the jobs table in step; all it remembers can be seen again after a restart."""

    def __init__(self, services: Services) -> None:
        self.services, self.settings = services, services.settings
        self.launcher, self.changes = services.launcher, services.changes

    async def reconcile(self) -> None:
        """One pass. A job that makes trouble does not keep the others from being looked at."""
        if self.services.wakeup.is_resting:
            return
        clear = await self.launcher.survey()
        jobs = await self._active()
        await self.launcher.tidy(jobs)
        if not jobs:
            metrics.seen([], utcnow())
            self.services.wakeup.rest(REST_SECONDS)
            return
        for job in [item for item in jobs if item.state == State.RUNNING]:
            await self._guarded(self._look, job)
        for job in await self._startable() if clear else ():
            await self._guarded(self._start, job)

    async def _startable(self) -> list[Job]:
        """Whose turn it is; the others are told what they wait for."""
        jobs = await self._active()
        waiting = [job for job in jobs if job.state == State.QUEUED]
        metrics.seen(jobs, utcnow())
        if not waiting:
            return []
        async with self.services.readers() as session:
            past = await queries.starts(session, STARTS) if len(jobs) > 1 else []
        sizes = {job.id: await self.launcher.size(job) for job in jobs}
        turn = turns.decide(jobs, self.settings, past, Floor(await self.launcher.room(jobs), sizes))
        await self._told({job.id: job for job in waiting}, turn.waits)
        return turn.start

    async def _told(self, waiting: dict[str, Job], waits: dict[str, Waiting]) -> None:
        news = {id: told for id, told in waits.items() if waiting[id].waiting != told.model_dump()}
        if news:
            async with self.services.sessions.begin() as session:
                await queries.tell_waiting(session, news)
            self.changes.tell()

    async def _active(self) -> list[Job]:
        async with self.services.readers() as session:
            return await queries.active(session)

    async def _guarded(self, act: Callable[[Job], Awaitable[None]], job: Job) -> None:
        try:
            await act(job)
        except Exception as error:
            log.exception("job not reconciled", job=job.id, error=type(error).__name__)

    async def _start(self, job: Job) -> None:
        now = utcnow()
        values = {
            "attempts": job.attempts + 1,
            "attempt_at": now,
            "short_since": pauses.without_line(job.short_since, job.next_at, now),
            "started_at": job.started_at or now,
            "progress": None,
            "waiting": None,
        }
        async with self.services.sessions.begin() as session:
            won = await queries.move(session, job, State.RUNNING, **values)
            if won and job.started_at is None:
                await _tell_lineage(session, lambda: lineage.started(job))
        if not won:
            return
        await self._launched(job, limits.granted(job, self.settings, job.attempts + 1))
        log.info("job started", job=job.id, kind=job.kind, attempt=job.attempts + 1)
        self.changes.tell()

    async def _launched(self, job: Job, assignment: Assignment) -> None:
        """Start the attempt; what will be refused again ends the job, anything else is seen at the next look."""
        self.services.folder(job.id).fresh()
        try:
            await self.launcher.start(job, assignment)
        except REFUSED as error:
            if isinstance(error, Forbidden) and QUOTA_IS_USED in error.detail:
                return await self._refused_for_now(job, error.detail)
            async with self.services.readers() as session:
                started = await queries.get(session, job.project, job.id)
            await self._end(started, ending.refused(error.detail), started.peak_rss_bytes)

    async def _refused_for_now(self, job: Job, why: str) -> None:
        async with self.services.readers() as session:
            started = await queries.get(session, job.project, job.id)
        room = await self.launcher.room(await self._active())
        never = room.never(await self.launcher.size(started))
        if never or ending.given_up_at(started, self.settings) <= utcnow():
            return await self._end(started, ending.no_quota(started, why), started.peak_rss_bytes)
        waiting = Waiting(reason=QUOTA, message=why[:500])
        await self._postponed(started, Sight(Outcome(), alive=False, rss=0, short=True, waiting=waiting))

    async def _look(self, job: Job) -> None:
        sight = await self.launcher.look(job)
        peak = max(job.peak_rss_bytes, sight.peak)
        end = ending.of(job, sight, peak, self.settings)
        if end is not None:
            await self._end(job, end, peak, handed_in=sight.outcome.is_handed_in)
        elif job.cancel_at is not None:
            self.services.folder(job.id).cancel.touch()
        elif sight.short:
            await self._postponed(job, sight)
        elif not sight.alive:
            await self._lost(job, ending.excused(job, sight, self.settings))
        else:
            await self._note(job, sight, peak)

    async def _end(self, job: Job, end: ending.Ending, peak: int, handed_in: bool = False) -> None:
        """Stop what is left of the job, then say how it ended: nothing runs for a job that is over."""
        await self.launcher.stop(job, finished=handed_in)
        due = failed.is_due(job, end.state)
        async with self.services.sessions.begin() as session:
            if await queries.end(session, job, end.state, end.result, end.error, peak, due):
                await self._tell_decision(session, job, end)
                if job.started_at is not None:
                    await _tell_lineage(session, lambda: lineage.ended(job, end))
        await asyncio.to_thread(self.services.folder(job.id).empty_scratch)
        log.info("job ended", job=job.id, kind=job.kind, state=end.state, peak_mb=peak >> 20)
        self.changes.tell()

    @staticmethod
    async def _tell_decision(session: Any, job: Job, end: ending.Ending) -> None:
        for decision in ending.decided(job, end):
            await outbox.decide(session, Outbox, decision)

    async def _lost(self, job: Job, excused: bool) -> None:
        """The process is gone and left no result: what it finished is kept, another attempt goes on."""
        await self.launcher.stop(job, finished=False)
        async with self.services.sessions.begin() as session:
            more = {"excused": job.excused + excused, "waiting": None, "short_since": None}
            await queries.move(session, job, State.QUEUED, **more)
        log.warning("job lost its process", job=job.id, kind=job.kind, attempt=job.attempts, excused=excused)
        self.changes.tell()

    async def _postponed(self, job: Job, sight: Sight) -> None:
        """There was no room for its pod: it is taken back, and tried again after a pause that grows."""
        await self.launcher.stop(job, finished=False)
        later = ending.no_room(job, sight, self.settings)
        async with self.services.sessions.begin() as session:
            await queries.move(session, job, State.QUEUED, **later)
        log.warning("no room for a job", job=job.id, kind=job.kind, times=later["shortages"])
        self.changes.tell()

    async def _note(self, job: Job, sight: Sight, peak: int) -> None:
        progress, waiting = _json(sight.outcome.progress), _json(sight.waiting)
        shown = peak if peak > 1.02 * job.peak_rss_bytes else job.peak_rss_bytes
        if (progress, waiting, shown) == (job.progress, job.waiting, job.peak_rss_bytes):
            return
        async with self.services.sessions.begin() as session:
            await queries.note(session, job, progress=progress, waiting=waiting, peak_rss_bytes=shown)
        self.changes.tell()

    async def release(self) -> None:
        """At an orderly end of the service: the next one takes up the jobs that had to stop."""
        for job in [item for item in await self._active() if item.state == State.RUNNING]:
            if await self.launcher.release(job):
                async with self.services.sessions.begin() as session:
                    await queries.move(session, job, State.QUEUED, attempts=job.attempts - 1)

    async def sweep(self) -> None:
        """Remove the folders of jobs that ended long ago."""
        before = utcnow() - timedelta(days=self.settings.job_keep_days)
        async with self.services.readers() as session:
            old = await queries.ended_before(session, before)
        for id in old:
            await asyncio.to_thread(self.services.folder(id).remove)


async def _tell_lineage(session: AsyncSession, events: Callable[[], list[Happened]]) -> None:
    """Tell of a beginning or an end, if somebody wants to know; a job that cannot be told goes on untold."""
    if not openlineage.wanted(session):
        return
    try:
        told = events()
    except Exception as error:
        log.exception("a job cannot be told as OpenLineage", error=type(error).__name__)
        return
    await openlineage.note(session, LineageEvent, *told)


def _json(value: BaseModel | None) -> Document | None:
    """As a column keeps it."""
    return None if value is None else value.model_dump(mode="json")
