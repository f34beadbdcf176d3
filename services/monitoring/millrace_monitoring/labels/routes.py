"""Labels over HTTP: idempotent, in any order, corrected by later ones."""

from fastapi import APIRouter, BackgroundTasks

from millrace_contracts.labels import LabelsRead, LabelsWrite, commonest
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import utcnow
from millrace_core.names import Name, Project, shortened
from millrace_monitoring.labels import matching, queries, sorting
from millrace_monitoring.labels.reading import Reader
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.newcomers import queries as newcomers
from millrace_monitoring.services import CurrentServices
from millrace_monitoring.tables import Monitor

router = APIRouter(prefix="/v1/monitors", tags=["labels"])


@router.post("/{endpoint}/labels", dependencies=[permit("monitoring.labels.write")])
async def push(
    endpoint: Name,
    body: LabelsWrite,
    project: Project,
    services: CurrentServices,
    actor: CurrentActor,
    after_commit: BackgroundTasks,
) -> LabelsRead:
    """Store labels, and move the watermark when `complete_through` says how far they are complete.

    A label that is no number or names no class is refused and told by its place; the others are stored, also those
    of rows that are not among the predictions so far, which are counted apart. Where the classes are a guess, one that
    the version does not know is stored as it is: a class of its own.
    """
    logged = await matching.logged(services, project, endpoint, body.labels)
    async with services.sessions.begin() as session:
        monitor = await monitors.get(session, project, endpoint, lock=True)
        said = Reader.of(monitor).read(label.value for label in body.labels)
        numbers = await newcomers.numbered(session, project, endpoint, sorting.new_names(said))
        given = sorting.sort(body.labels, said, numbers, shortened(actor.person, 200), utcnow())
        stored = await queries.put(session, project, endpoint, given.truths)
        monitor.labelled += stored.new
        _move(monitor, body)
        if given.truths:
            services.ahead.pop((project, endpoint), None)
        labelled = monitor.labelled
    sorting.REFUSED.labels(endpoint).inc(given.refused)
    sorting.UNKNOWN.labels(endpoint).inc(given.unknown.total())
    after_commit.add_task(services.wakeups.wake)
    matched = sum((truth.request_id, truth.index) in logged for truth in given.truths)
    return LabelsRead(
        **vars(stored),
        unchanged=stored.repeated + stored.contradicted,
        matched=matched,
        unmatched=len(given.truths) - matched,
        refused=given.refused,
        refusals=given.refusals,
        unknown=given.unknown.total(),
        new_classes=commonest(given.unknown),
        labelled=labelled,
    )


def _move(monitor: Monitor, body: LabelsWrite) -> None:
    """The watermark never goes back."""
    through = body.complete_through
    if through is not None and (monitor.complete_through is None or monitor.complete_through < through):
        monitor.complete_through = through
