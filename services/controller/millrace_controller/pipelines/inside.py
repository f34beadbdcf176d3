"""Runs a loop run's steps one after the other in a thread of this process, where all services are: a replay of history.

The order is that of the compiled pipeline; what that draws for people's eyes is not drawn.
"""

import asyncio
from dataclasses import dataclass, field

from millrace import steps
from millrace.client import ApiError, JobFailed
from millrace_controller.changes import Changes
from millrace_controller.pipelines.attempts import Attempt, Ended, Handle


def run(project: str, loop: str, number: int) -> None:
    """One pass of a loop, as `pipelines/loop_run.py` has it."""
    here = (project, loop, number)
    data = steps.ingest(*here).version
    if data == 0 or not steps.validate(*here, data):
        return
    job = steps.train(*here, data)
    evaluated = steps.evaluate(*here, data, job)
    if steps.gate(*here, job, evaluated.job).verdict != "passed":
        return
    forms = steps.compress(*here, data, job)
    steps.roll_out(*here, steps.register(*here, data, job, forms).version)


@dataclass
class InsideRunner:
    """One thread a pipeline; with the process all of them end, and the next one begins them again."""

    changes: Changes
    going: dict[str, asyncio.Task[Ended]] = field(default_factory=dict)

    async def start(self, attempt: Attempt) -> Handle | Ended | None:
        handle: Handle = {"runner": "inside", "name": attempt.name}
        self.going[attempt.name] = asyncio.create_task(self._do(attempt, handle))
        return handle

    async def find(self, attempt: Attempt) -> Handle | None:
        """Nothing outlives the process."""
        return None

    async def look(self, attempt: Attempt, handle: Handle) -> Handle | Ended:
        task = self.going.get(handle["name"])
        if task is None:
            return Ended(handle, message="the pipeline was killed")
        if not task.done():
            return handle
        del self.going[handle["name"]]
        return task.result()

    async def stop(self, handle: Handle) -> str | None:
        """A thread cannot be stopped; it ends with the process."""
        return None

    async def _do(self, attempt: Attempt, handle: Handle) -> Ended:
        try:
            await asyncio.to_thread(run, attempt.project, attempt.loop, attempt.run)
        except (ApiError, JobFailed) as error:
            final = isinstance(error, JobFailed) or 400 <= error.status < 500
            return Ended(handle, message=str(error), final=final)
        finally:
            self.changes.work.set()
        return Ended(handle, ok=True)
