"""Labels over HTTP: idempotent, in any order, corrected by later ones."""

from fastapi import APIRouter, BackgroundTasks

from millrace_contracts.labels import LabelsRead, LabelsWrite
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.names import Name, Project
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.labels import queries, sorting
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.services import CurrentServices
from millrace_monitoring.tables import Monitor

router = APIRouter(prefix="/v1/monitors", tags=["labels"])


@router.post("/{endpoint}/labels", dependencies=[permit("monitoring.labels.write")])
async def push(
    endpoint: Name,
    body: LabelsWrite,
    project: Project,
    session: Session,
    services: CurrentServices,
    after_commit: BackgroundTasks,
) -> LabelsRead:
    """Store labels, and move the watermark when `complete_through` says how far they are complete.

    A label that is no number or names no class is refused and told by its place; the others are stored.
    """
    monitor = await monitors.get(session, project, endpoint, lock=True)
    spec = monitor.declared
    given = sorting.sort(body.labels, Answers.of(spec.task, spec.signature))
    new, corrected = await queries.put(session, project, endpoint, given.truths)
    monitor.labelled += new
    _move(monitor, body)
    sorting.REFUSED.labels(endpoint).inc(given.refused)
    after_commit.add_task(services.wakeups.wake)
    return LabelsRead(
        new=new,
        corrected=corrected,
        unchanged=len(given.truths) - new - corrected,
        refused=given.refused,
        refusals=given.refusals,
        labelled=monitor.labelled,
    )


def _move(monitor: Monitor, body: LabelsWrite) -> None:
    """The watermark never goes back."""
    through = body.complete_through
    if through is not None and (monitor.complete_through is None or monitor.complete_through < through):
        monitor.complete_through = through
