"""Take a job in: stored first, then the controller is told, so that it finds what it is told of."""

from fastapi import Request, Response

from millrace_training.jobs import queries
from millrace_training.jobs.schemas import JobNew
from millrace_training.tables import Job


async def submit(request: Request, response: Response, project: str, new: JobNew) -> Job:
    """The job of this key: 201 when it is new, 200 when it was known. Raises: Conflict."""
    async with request.app.state.sessions.begin() as session:
        job, made = await queries.submit(session, project, new)
    response.status_code = 201 if made else 200
    request.app.state.jobs.nudge()
    return job
