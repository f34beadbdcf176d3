"""Launchers: where jobs run. One interface over processes of this service and pods of a cluster."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from millrace_contracts.room import RunSize
from millrace_training.launch.room import Room
from millrace_training.launch.sizes import Size
from millrace_training.process.sight import Sight
from millrace_training.runtime.assignment import Assignment
from millrace_training.runtime.folder import JobFolder
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job


class Launcher(Protocol):
    """Starts, sees and stops jobs. All that it must remember can be seen again after a restart."""

    async def survey(self) -> bool:
        """Take the look at everything that `look` will answer from; whether jobs can be started now."""

    async def room(self, jobs: list[Job]) -> Room:
        """What room there is for jobs that wait, beside the running among the active *jobs*."""

    async def size(self, job: Job) -> Size:
        """How large a job is."""

    async def run_size(self, asked: RunSize) -> Size:
        """How large the training of a run will be."""

    async def start(self, job: Job, assignment: Assignment) -> None:
        """Start the attempt that *assignment* names; starting it twice is starting it once. Raises: MillraceError."""

    async def look(self, job: Job) -> Sight:
        """What can be seen of the job's current attempt."""

    async def stop(self, job: Job, finished: bool) -> None:
        """Nothing of the job runs on; *finished*: it has handed in what it made and ends by itself."""

    async def release(self, job: Job) -> bool:
        """At an orderly end of the service: stop the job if it cannot go on without it, and say whether."""

    async def tidy(self, jobs: list[Job]) -> None:
        """Remove what belongs to none of the active *jobs*, or to an earlier attempt of one."""


def make(settings: TrainingSettings, folder: Callable[[str], JobFolder], wake: asyncio.Event) -> Launcher:
    """The launcher for the platform that the service runs on; *wake* is set when a process ends."""
    if settings.platform == "kubernetes":
        from millrace_core.kubernetes import Cluster
        from millrace_training.launch.pods import PodLauncher

        return PodLauncher(Cluster.here(), folder, settings)
    if settings.inside:
        from millrace_training.launch.inside import InsideLauncher

        return InsideLauncher(folder, wake)
    from millrace_training.launch.processes import ProcessLauncher

    return ProcessLauncher(folder, settings, wake)
