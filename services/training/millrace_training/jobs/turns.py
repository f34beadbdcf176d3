"""Which waiting jobs may start now. Pure."""

from millrace_training.jobs.states import State
from millrace_training.kinds import KINDS
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job


def startable(jobs: list[Job], settings: TrainingSettings) -> list[Job]:
    """The waiting jobs for which there is room, oldest first; heavy and light ones do not wait for each other."""
    room = {True: settings.heavy_jobs, False: settings.light_jobs}
    for job in jobs:
        room[KINDS[job.kind].heavy] -= job.state == State.RUNNING
    chosen = []
    for job in jobs:
        heavy = KINDS[job.kind].heavy
        if job.state == State.QUEUED and room[heavy] > 0:
            room[heavy] -= 1
            chosen.append(job)
    return chosen
