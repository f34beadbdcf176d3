"""Jobs as threads of this process, in which the other services are too: a replay of history."""

import asyncio
from collections.abc import Callable

from millrace_training.launch.one_machine import OneMachine
from millrace_training.process import child
from millrace_training.process.sight import Sight, outcome
from millrace_training.runtime.assignment import Assignment
from millrace_training.runtime.folder import JobFolder
from millrace_training.tables import Job


class InsideLauncher(OneMachine):
    """One thread a job; it wakes the controller when it ends, and with the process all of them end."""

    def __init__(self, folder: Callable[[str], JobFolder], wake: asyncio.Event) -> None:
        self._folder, self._wake = folder, wake
        self._going: dict[str, asyncio.Task[int]] = {}

    async def start(self, job: Job, assignment: Assignment) -> None:
        if job.id in self._going:
            return
        folder = self._folder(job.id)
        folder.make()
        folder.write("assignment", assignment, lasting=False)
        self._going[job.id] = asyncio.create_task(self._do(folder, assignment))

    async def _do(self, folder: JobFolder, assignment: Assignment) -> int:
        try:
            return await asyncio.to_thread(child.work, folder, assignment, replayed=True)
        finally:
            self._wake.set()

    async def look(self, job: Job) -> Sight:
        task = self._going.get(job.id)
        alive = task is not None and not task.done()
        return Sight(outcome(self._folder(job.id)), alive=alive, rss=0)

    async def stop(self, job: Job, finished: bool) -> None:
        """A thread cannot be stopped; one that is at work is told to, and stops where it reports next."""
        task = self._going.pop(job.id, None)
        if task is not None and not task.done():
            self._folder(job.id).cancel.touch()
            await asyncio.wait({task})

    async def release(self, job: Job) -> bool:
        """With the process it ends."""
        return True

    async def tidy(self, jobs: list[Job]) -> None:
        """`stop` has left nothing."""
