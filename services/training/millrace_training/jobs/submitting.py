"""Take a job in: stored first, then the controller is told, so that it finds what it is told of."""

from collections.abc import Sequence
from pathlib import Path

from fastapi import Response

from millrace_contracts.jobs import JobNew
from millrace_contracts.sinks import Sink
from millrace_contracts.sources import RowSource
from millrace_contracts.workers import Workers
from millrace_core import room, secret_files
from millrace_core.errors import BadInput, FieldError
from millrace_training.jobs import queries
from millrace_training.launch import manifests
from millrace_training.services import Services
from millrace_training.tables import Job


async def submit(services: Services, response: Response, project: str, new: JobNew) -> Job:
    """The job of this key: 201 when it is new, 200 when it was known. Raises: Conflict; BadInput."""
    _check_placement(services.settings.platform, new)
    room.check(_team(new), services.settings, "spec.workers")
    _check_secrets(services.settings.platform, new, services.settings.secret_places)
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


def _team(new: JobNew) -> Workers | None:
    named = new.spec.get("workers") if new.kind == "train" else None
    return None if named is None else Workers.model_validate(named)


def _check_secrets(platform: str, new: JobNew, places: Sequence[Path]) -> None:
    """A job's pod has no variables and files of a person, and what it has are the platform's own."""
    field, kind = manifests.PLACES.get(new.kind, ("", Sink))
    if new.spec.get(field) is None:
        return
    there = kind.model_validate(new.spec[field])
    cluster = platform == "kubernetes"
    mend = "Use secretRef." if cluster else "Use env or file."
    mistakes = [
        FieldError(f"spec.{field}.{place}", f"{secret.told()} is nothing that there is here", mend)
        for place, secret in there.secrets().items()
        if (secret.secret_ref is None) == cluster
    ]
    mistakes += _of_one_machine(field, there) if cluster else _elsewhere(field, there, places)
    if mistakes:
        raise BadInput(f"{mistakes[0].where}: {mistakes[0].what}. {mistakes[0].mend}", mistakes)


def _elsewhere(field: str, there: RowSource | Sink, places: Sequence[Path]) -> list[FieldError]:
    """Files that are named as secrets, and that the machine's owner did not put where secrets lie."""
    return [
        FieldError(
            f"spec.{field}.{place}",
            f"{secret.told()} does not lie where secrets do",
            secret_files.mend(places),
        )
        for place, secret in there.secrets().items()
        if secret.file and not secret_files.lies_within(Path(secret.file), places)
    ]


def _of_one_machine(field: str, there: RowSource | Sink) -> list[FieldError]:
    """Places that a pod does not share with anybody."""
    mistakes = []
    if there.path is not None:
        mistakes.append(FieldError(f"spec.{field}.path", "is a place of one machine", "Use a bucket."))
    if there.bucket is not None and there.bucket.url.startswith("file:"):
        mistakes.append(FieldError(f"spec.{field}.bucket.url", "is a folder of one machine", "Use a bucket."))
    if there.sql is not None and (there.sql.uri or "").startswith("sqlite:"):
        mistakes.append(
            FieldError(f"spec.{field}.sql.uri", "is a file of one machine", "Use a database server.")
        )
    return mistakes
