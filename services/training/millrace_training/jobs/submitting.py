"""Take a job in: stored first, then the controller is told, so that it finds what it is told of."""

from fastapi import Response

from millrace_contracts.jobs import JobNew
from millrace_contracts.sources import Source
from millrace_core.errors import BadInput, FieldError
from millrace_training.jobs import queries
from millrace_training.services import Services
from millrace_training.tables import Job


async def submit(services: Services, response: Response, project: str, new: JobNew) -> Job:
    """The job of this key: 201 when it is new, 200 when it was known. Raises: Conflict; BadInput."""
    _check_placement(services.settings.platform, new)
    _check_secrets(services.settings.platform, new)
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


def _check_secrets(platform: str, new: JobNew) -> None:
    """A job's pod has no variables and files of a person, and what it has are the platform's own."""
    if new.kind not in ("pull", "look"):
        return
    source = Source.model_validate(new.spec["source"])
    cluster = platform == "kubernetes"
    mend = "Use secretRef." if cluster else "Use env or file."
    mistakes = [
        FieldError(f"spec.source.{place}", f"{secret.told()} is nothing that there is here", mend)
        for place, secret in source.secrets().items()
        if (secret.secret_ref is None) == cluster
    ]
    if cluster and source.bucket is not None and source.bucket.url.startswith("file:"):
        mistakes.append(FieldError("spec.source.bucket.url", "is a folder of one machine", "Use a bucket."))
    if cluster and source.sql is not None and (source.sql.uri or "").startswith("sqlite:"):
        mistakes.append(
            FieldError("spec.source.sql.uri", "is a file of one machine", "Use a database server.")
        )
    if mistakes:
        raise BadInput(f"{mistakes[0].where}: {mistakes[0].what}. {mistakes[0].mend}", mistakes)
