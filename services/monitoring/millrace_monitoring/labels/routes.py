"""Labels over HTTP: idempotent, in any order, corrected by later ones."""

from fastapi import APIRouter, BackgroundTasks

from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.errors import BadInput, FieldError
from millrace_core.names import Name, Project
from millrace_monitoring.labels import queries, values
from millrace_monitoring.labels.schemas import LabelsRead, LabelsWrite
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.services import Current
from millrace_monitoring.tables import Monitor

router = APIRouter(prefix="/v1/monitors", tags=["labels"])


@router.post("/{endpoint}/labels", dependencies=[permit("monitoring.labels.write")])
async def push(
    endpoint: Name,
    body: LabelsWrite,
    project: Project,
    session: Session,
    services: Current,
    after_commit: BackgroundTasks,
) -> LabelsRead:
    """Store labels, and move the watermark when `complete_through` says how far they are complete."""
    monitor = await monitors.get(session, project, endpoint, lock=True)
    given = _truths(body, monitor)
    new, corrected = await queries.put(session, project, endpoint, given)
    monitor.labelled += new
    _move(monitor, body)
    after_commit.add_task(services.wakeups.wake)
    return LabelsRead(
        new=new, corrected=corrected, unchanged=len(given) - new - corrected, labelled=monitor.labelled
    )


def _truths(body: LabelsWrite, monitor: Monitor) -> list[queries.Truth]:
    made, errors = [], []
    for place, label in enumerate(body.labels):
        value = values.number(label.value, monitor.spec)
        if isinstance(value, str):
            errors.append(
                FieldError(f"labels[{place}].value", value, "send the target as the training data has it")
            )
        else:
            made.append(queries.Truth(label.request_id, label.index, value, label.at))
    if errors:
        raise BadInput(
            f"{len(errors)} of {len(body.labels)} labels cannot be used; nothing was stored.", errors[:20]
        )
    return made


def _move(monitor: Monitor, body: LabelsWrite) -> None:
    """The watermark never goes back."""
    through = body.complete_through
    if through is not None and (monitor.complete_through is None or monitor.complete_through < through):
        monitor.complete_through = through
