"""Take a job in: stored first, then the controller is told, so that it finds what it is told of."""

from fastapi import Response

from millrace_contracts.jobs import JobNew
from millrace_core.errors import BadInput, FieldError
from millrace_training.jobs import queries
from millrace_training.services import Services
from millrace_training.tables import Job


async def submit(services: Services, response: Response, project: str, new: JobNew) -> Job:
    """The job of this key: 201 when it is new, 200 when it was known. Raises: Conflict; BadInput."""
    _check_placement(services.settings.platform, new)
    async with services.sessions.begin() as session:
        job, is_new = await queries.submit(session, project, new)
    response.status_code = 201 if is_new else 200
    services.wakeup.nudge()
    return job


def _check_placement(platform: str, new: JobNew) -> None:
    placement = new.limits.placement
    if platform == "kubernetes" or placement is None or not placement.chosen():
        return
    mend = "Leave limits.placement out, or run the job in a cluster."
    names = ", ".join(placement.chosen())
    mistake = FieldError(
        "limits.placement", f"asks for {names}; jobs are processes of one machine here", mend
    )
    raise BadInput(f"{mistake.where} {mistake.what}. {mend}", [mistake])
