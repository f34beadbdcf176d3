"""One level-triggered pass over all jobs: see what became of the running, start the waiting."""

import asyncio
import os
import subprocess
import time
from datetime import timedelta
from typing import Any

from fastapi import FastAPI

from millrace_core import outbox
from millrace_core.database import utcnow
from millrace_core.log import log
from millrace_core.reconcile import run_forever
from millrace_training.jobs import ending, limits, processes, queries
from millrace_training.jobs.changes import Changes
from millrace_training.jobs.folder import JobFolder
from millrace_training.jobs.processes import Sight
from millrace_training.jobs.states import State
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job, Outbox

REST_SECONDS = 5.0
"""Without jobs, seconds until the next look, unless someone submits one."""


class JobController:
    """Keeps processes and the jobs table in step; all it remembers can be seen again after a restart."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.settings: TrainingSettings = app.state.settings
        self.wake = asyncio.Event()
        self.changes = Changes()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._watched: dict[str, int] = {}
        self._rest_until = 0.0

    def folder(self, id: str) -> JobFolder:
        """The files of job *id*."""
        return JobFolder(self.settings.folder / "jobs" / id)

    def nudge(self) -> None:
        """There is something to do: look at once."""
        self._rest_until = 0.0
        self.wake.set()

    async def run(self, _: FastAPI) -> None:
        """Reconcile until cancelled."""
        await run_forever("jobs", self.reconcile, self.settings.job_look_seconds, self.wake)

    async def reconcile(self) -> None:
        """One pass. A job that makes trouble does not keep the others from being looked at."""
        if time.monotonic() < self._rest_until:
            return
        async with self.app.state.readers() as session:
            jobs = await queries.active(session)
        if not jobs:
            self._rest_until = time.monotonic() + REST_SECONDS
            return
        for job in [item for item in jobs if item.state == State.RUNNING]:
            await self._guarded(self._look, job)
        async with self.app.state.readers() as session:
            jobs = await queries.active(session)
        for job in limits.startable(jobs, self.settings):
            await self._guarded(self._start, job)

    async def _guarded(self, act: Any, job: Job) -> None:
        try:
            await act(job)
        except Exception as error:
            log.exception("job not reconciled", job=job.id, error=type(error).__name__)

    async def _start(self, job: Job) -> None:
        now = utcnow()
        values = {
            "attempts": job.attempts + 1,
            "attempt_at": now,
            "started_at": job.started_at or now,
            "progress": None,
        }
        async with self.app.state.sessions.begin() as session:
            won = await queries.move(session, job, State.RUNNING, **values)
        if not won:
            return
        folder, spec = self.folder(job.id), limits.granted(job, self.settings)
        child = processes.start(folder, spec, self._environment())  # not in a thread: never half done
        self._children[job.id] = child
        self._watch(job.id, child.pid)
        log.info("job started", job=job.id, kind=job.kind, attempt=job.attempts + 1, pid=child.pid)
        self.changes.tell()

    def _environment(self) -> dict[str, str]:
        settings = self.settings
        urls = {
            f"MILLRACE_{name.upper()}_URL": getattr(settings, f"{name}_url")
            for name in ("registry", "training", "serving", "monitoring", "controller")
        }
        return urls | {"MILLRACE_TOKEN": settings.token.get_secret_value()}

    async def _look(self, job: Job) -> None:
        folder, child = self.folder(job.id), self._children.get(job.id)
        sight = await asyncio.to_thread(processes.look, folder, child)
        if sight.pid is not None and sight.alive:
            self._watch(job.id, sight.pid)
        peak = max(job.peak_rss_bytes, sight.rss, sight.peak)
        end = ending.of(job, sight, peak, self.settings)
        if end is not None:
            await self._end(job, end, peak)
        elif job.cancel_at is not None:
            folder.cancel.touch()
        elif not sight.alive:
            await self._lost(job)
        else:
            await self._note(job, sight, peak)

    async def _end(self, job: Job, end: ending.Ending, peak: int) -> None:
        """Stop what is left of the job, then say how it ended: nothing runs for a job that is over."""
        await self._stop(job.id)
        values = {"result": end.result, "error": end.error, "peak_rss_bytes": peak, "ended_at": utcnow()}
        async with self.app.state.sessions.begin() as session:
            if await queries.move(session, job, end.state, **values):
                await self._tell_decision(session, job, end)
        await asyncio.to_thread(self.folder(job.id).empty_scratch)
        log.info("job ended", job=job.id, kind=job.kind, state=end.state, peak_mb=peak >> 20)
        self.changes.tell()

    @staticmethod
    async def _tell_decision(session: Any, job: Job, end: ending.Ending) -> None:
        made = ending.decided(job, end)
        if made is not None:
            await outbox.decide(session, Outbox, made)

    async def _lost(self, job: Job) -> None:
        """The process is gone and left no result: what it finished is kept, another attempt goes on."""
        await self._stop(job.id)
        async with self.app.state.sessions.begin() as session:
            await queries.move(session, job, State.QUEUED)
        log.warning("job lost its process", job=job.id, kind=job.kind, attempt=job.attempts)
        self.changes.tell()

    async def _note(self, job: Job, sight: Sight, peak: int) -> None:
        news: dict[str, Any] = {}
        if sight.progress != job.progress:
            news["progress"] = sight.progress
        if peak > 1.02 * job.peak_rss_bytes:
            news["peak_rss_bytes"] = peak
        if news:
            async with self.app.state.sessions.begin() as session:
                await queries.note(session, job, **news)
            self.changes.tell()

    async def _stop(self, id: str) -> None:
        await asyncio.to_thread(processes.stop, id)
        child = self._children.pop(id, None)
        if child is not None:
            await asyncio.to_thread(child.wait)
        self._unwatch(id)

    def _watch(self, id: str, pid: int) -> None:
        """Look again as soon as the process ends, instead of at the next tick."""
        if id in self._watched:
            return
        try:
            self._watched[id] = handle = os.pidfd_open(pid)
        except OSError:
            self.wake.set()
            return
        asyncio.get_running_loop().add_reader(handle, self._ended, id)

    def _ended(self, id: str) -> None:
        self._unwatch(id)
        self.wake.set()

    def _unwatch(self, id: str) -> None:
        handle = self._watched.pop(id, None)
        if handle is not None:
            asyncio.get_running_loop().remove_reader(handle)
            os.close(handle)

    async def release(self, _: FastAPI) -> None:
        """At an orderly end of the service: stop the processes; the next service takes the jobs up again."""
        async with self.app.state.readers() as session:
            jobs = await queries.active(session)
        for job in [item for item in jobs if item.state == State.RUNNING]:
            await self._stop(job.id)
            async with self.app.state.sessions.begin() as session:
                await queries.move(session, job, State.QUEUED, attempts=job.attempts - 1)

    async def sweep(self, _: FastAPI) -> None:
        """Remove the folders of jobs that ended long ago, until cancelled."""
        await run_forever("job folders", self._sweep, every=3600)

    async def _sweep(self) -> None:
        before = utcnow() - timedelta(days=self.settings.job_keep_days)
        async with self.app.state.readers() as session:
            old = await queries.ended_before(session, before)
        for id in old:
            await asyncio.to_thread(self.folder(id).remove)
