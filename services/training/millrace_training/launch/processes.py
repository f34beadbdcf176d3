"""Jobs as processes of this machine, each in a session of its own: the laptop."""

import asyncio
import os
import subprocess
from collections.abc import Callable

from millrace_training.launch.one_machine import OneMachine
from millrace_training.process import control
from millrace_training.process.sight import Sight
from millrace_training.runtime.assignment import Assignment
from millrace_training.runtime.folder import JobFolder
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job


class ProcessLauncher(OneMachine):
    """Starts children, adopts those of a service before this one, and wakes the controller when one ends."""

    def __init__(
        self, folder: Callable[[str], JobFolder], settings: TrainingSettings, wake: asyncio.Event
    ) -> None:
        self._folder, self._settings, self._wake = folder, settings, wake
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._watched: dict[str, int] = {}

    async def start(self, job: Job, assignment: Assignment) -> None:
        environment = self._settings.addresses | {"MILLRACE_TOKEN": self._settings.token.get_secret_value()}
        child = control.start(
            self._folder(job.id), assignment, environment
        )  # not in a thread: never half done
        self._children[job.id] = child
        self._watch(job.id, child.pid)

    async def look(self, job: Job) -> Sight:
        child = self._children.get(job.id)
        sight, pid = await asyncio.to_thread(control.look, self._folder(job.id), child)
        if pid is not None:
            self._watch(job.id, pid)
        return sight

    async def stop(self, job: Job, finished: bool) -> None:
        await asyncio.to_thread(control.stop, job.id)
        child = self._children.pop(job.id, None)
        if child is not None:
            await asyncio.to_thread(child.wait)
        self._unwatch(job.id)

    async def release(self, job: Job) -> bool:
        await self.stop(job, finished=False)
        return True

    async def tidy(self, jobs: list[Job]) -> None:
        """`stop` has left nothing."""

    def _watch(self, id: str, pid: int) -> None:
        """Look again as soon as the process ends, instead of at the next tick."""
        if id in self._watched:
            return
        try:
            self._watched[id] = handle = os.pidfd_open(pid)
        except OSError:
            self._wake.set()
            return
        asyncio.get_running_loop().add_reader(handle, self._ended, id)

    def _ended(self, id: str) -> None:
        self._unwatch(id)
        self._wake.set()

    def _unwatch(self, id: str) -> None:
        handle = self._watched.pop(id, None)
        if handle is not None:
            asyncio.get_running_loop().remove_reader(handle)
            os.close(handle)
