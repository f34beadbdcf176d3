"""Only the current attempt of a running job may change its folder: no zombie, and no pod of another job."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from millrace_core.auth import CurrentActor
from millrace_core.errors import Conflict, Forbidden
from millrace_core.names import Project
from millrace_training.jobs import queries
from millrace_training.jobs.schemas import JobId
from millrace_training.jobs.states import State
from millrace_training.launch import manifests
from millrace_training.runtime.folder import JobFolder
from millrace_training.services import CurrentServices
from millrace_training.tables import Job
from millrace_training.workspace.schemas import Attempt


def own(actor: CurrentActor, id: JobId, attempt: Attempt) -> None:
    """Raises: Forbidden if the pod of a job speaks for another, as its token, which the cluster signed, says."""
    if actor.role != "job" or actor.pod is None or manifests.is_pod_of(actor.pod, id, attempt):
        return
    who = f"the pod {actor.pod}" if actor.pod else "no pod"
    raise Forbidden(f"This token was given to {who}, and not to attempt {attempt} of the job {id}.")


def check(job: Job, attempt: int) -> None:
    """Raises: Conflict unless *attempt* is the one that runs."""
    if job.state != State.RUNNING:
        raise Conflict(f"The job is {job.state}; attempt {attempt} has nothing more to say.")
    if job.attempts != attempt:
        raise Conflict(f"Attempt {job.attempts} of the job is running, not {attempt}.", current=job.attempts)


@dataclass(frozen=True)
class Sender:
    """The attempt that a request speaks for."""

    services: CurrentServices
    project: Project
    id: JobId
    attempt: Attempt

    @property
    def folder(self) -> JobFolder:
        """The job's folder."""
        return self.services.folder(self.id)

    async def job(self) -> Job:
        """The job, which this attempt runs. Raises: NotFound; Conflict."""
        async with self.services.readers() as session:
            job = await queries.get(session, self.project, self.id)
        check(job, self.attempt)
        return job

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Job]:
        """The same, and no one moves its row while the caller writes. Raises: NotFound; Conflict."""
        async with self.services.sessions.begin() as session:
            job = await queries.hold(session, self.project, self.id)
            check(job, self.attempt)
            self.folder.make()
            yield job


FromAttempt = Annotated[Sender, Depends(Sender)]
