"""A delivery whose job failed is kept in quarantine: its file is seen where refused data is, and can be tried again."""

from millrace.transport.errors import ApiError
from millrace_contracts.datasets import QuarantineWrite, RowsOrigin
from millrace_contracts.deliveries import ArtifactSource
from millrace_contracts.jobs import Problem
from millrace_contracts.rows import UNREAD, Check, DeliveryReport, IngestSpec
from millrace_core.log import log
from millrace_core.reconcile import run_forever
from millrace_training.jobs import queries
from millrace_training.jobs.states import State
from millrace_training.services import Services
from millrace_training.tables import Job

EVERY = 2.0
LATER = (401, 403, 408, 429)
"""Answers of the registry behind which the same question may be answered otherwise; and every 5xx."""
MEND = "Its file is kept: when the cause is gone, push it again, or take it from quarantine."


def is_due(job: Job, state: State) -> bool:
    """Whether the end of *job* leaves a delivery that nobody would look after.

    What a stream delivers is tried again by itself; a run tells that it failed; what was in quarantine is still there.
    """
    if job.kind != "ingest" or state != State.FAILED or job.loop_run is not None:
        return False
    source = IngestSpec.model_validate(job.spec).source
    return isinstance(source, ArtifactSource) and source.delivery is None


async def keep_failed(services: Services) -> None:
    """Background task: what failed goes to quarantine, where the registry was away when it is back."""
    await run_forever("failed deliveries", lambda: one_pass(services), every=EVERY)


async def one_pass(services: Services) -> None:
    """Quarantine every failed delivery that is not there yet; one that is refused now keeps no other waiting.

    Raises: what a registry that is away raises, after all were tried.
    """
    async with services.readers() as session:
        due = await queries.quarantine_due(session)
    later: ApiError | None = None
    for job in due:
        try:
            await _quarantine(services, job)
        except ApiError as error:
            later = error
            continue
        async with services.sessions.begin() as session:
            await queries.quarantined(session, job)
    if later is not None:
        raise later


async def _quarantine(services: Services, job: Job) -> None:
    spec, registry = IngestSpec.model_validate(job.spec), services.clients.registry
    assert isinstance(spec.source, ArtifactSource)
    refused = QuarantineWrite(
        artifact=spec.source.digest,
        source=RowsOrigin.of_artifact(spec.source).model_dump(mode="json"),
        report=_report(job).model_dump(mode="json"),
    )
    try:
        await _ensure(services, job.project, spec.dataset)
        entry = await registry.quarantine(spec.dataset, refused, project=job.project)
    except ApiError as error:
        if error.status >= 500 or error.status in LATER:
            raise
        return log.error("a failed delivery cannot be kept", job=job.id, error=str(error)[:500])
    log.warning("a failed delivery is in quarantine", job=job.id, dataset=spec.dataset, entry=entry.id)


async def _ensure(services: Services, project: str, dataset: str) -> None:
    """Make the dataset if its very first delivery failed; an old one keeps its description."""
    try:
        await services.clients.registry.dataset(dataset, project=project)
    except ApiError as error:
        if error.status != 404:
            raise
        await services.clients.registry.put_dataset(dataset, project=project)


def _report(job: Job) -> DeliveryReport:
    error = Problem.model_validate(job.error)
    observed = f"the job that was to read it failed: {error.title}: {error.detail}".rstrip(".")
    return DeliveryReport(checks=[Check.failed(UNREAD, observed[:1000], "", MEND)])
