"""What a scoring asks of its jobs, and what it comes to in words."""

from datetime import datetime

from millrace_contracts.batches import GatherResult, GatherSpec, ScoredBefore, ScoringRead
from millrace_contracts.counting import counted
from millrace_contracts.data import DataContract
from millrace_contracts.decisions import Decision, decision
from millrace_contracts.release import BASE
from millrace_contracts.scoring import LogTo, ScoreResult, ScoreSpec
from millrace_controller.production import champion
from millrace_controller.services import Services
from millrace_controller.tables import Loop, Scoring
from millrace_core.errors import Conflict

CONTROLLER = "controller"


def gather(loop: Loop, scoring: Scoring, before: ScoredBefore | None) -> GatherSpec:
    """Fetch what was not scored yet."""
    return GatherSpec(loop=loop.name, source=scoring.batch.source, before=before)


async def score(services: Services, loop: Loop, scoring: Scoring, gathered: GatherResult) -> ScoreSpec:
    """Score what was fetched, with the version that is in production now. Raises: Conflict without one."""
    if loop.champion is None:
        raise Conflict(f"{loop.name} has no version in production.")
    batch, at = scoring.batch, scoring.due_at or scoring.created_at
    contract = await _contract(services, loop, loop.champion)
    return ScoreSpec(
        model=loop.name,
        version=loop.champion,
        variant=await _variant(services, loop, loop.champion),
        files=gathered.files,
        keep=batch.keep,
        timezone=loop.spec.data.timezone,
        dialect=None if contract is None else contract.dialect,
        rejects_at_most=0.01 if contract is None else contract.rejects_at_most,
        sink=batch.sink,
        called=f"{loop.name}-{at:%Y%m%dT%H%M%SZ}-{scoring.number}",
        at=at,
        log=await _log(services, loop, loop.champion, at) if batch.log else None,
    )


async def _variant(services: Services, loop: Loop, version: int) -> str:
    """The form in which the version answers its endpoint's requests."""
    if not (await champion.version(services, loop, version)).variants:
        return BASE
    return (await services.clients.serving.endpoint(loop.name, project=loop.project)).variant_of(version)


async def _contract(services: Services, loop: Loop, version: int) -> DataContract | None:
    """What the data promised that the version has learnt from."""
    made = (await champion.version(services, loop, version)).lineage
    if made.dataset is None or made.dataset_version is None:
        return None
    registry = services.clients.registry
    kept = (await registry.dataset_version(made.dataset, made.dataset_version, project=loop.project)).contract
    return DataContract.model_validate(kept) if kept else None


async def _log(services: Services, loop: Loop, version: int, at: datetime) -> LogTo:
    """Where the answers of a version are logged. Raises: Conflict if the endpoint has no revision of it."""
    endpoint = await services.clients.serving.endpoint(loop.name, project=loop.project)
    revision = endpoint.revision_of(version)
    if revision is None:
        raise Conflict(f"{loop.name} has loaded no version {version} whose answers could be logged.")
    time = loop.spec.data.event_time
    return LogTo(endpoint=loop.name, revision=revision, event_time=time, at=None if time else at)


def told(result: ScoreResult) -> str:
    """What came of it, with what it cost, in one line."""
    cost = result.cost
    lost = f", {counted(result.rejects.count, 'line')} could not be read" if result.rejects.count else ""
    again = f", {result.repeated} were there already" if result.repeated else ""
    where = ", ".join(result.written[:3]) + ("" if len(result.written) <= 3 else ", …")
    return (
        f"{result.answered} of {counted(result.rows, 'row')} answered by version {result.version}"
        f"{lost}{again}: {where}. "
        f"{cost.seconds:.1f} s, {cost.rows_per_second:,.0f} rows a second, {cost.cpu_seconds:.1f} s of processor."
    )


def written(loop: Loop, scoring: Scoring, result: ScoreResult) -> Decision:
    """The record that predictions were written; the registry keeps what it mentions."""
    before, cost = scoring.before, result.cost
    return decision(
        project=loop.project,
        loop=loop.name,
        kind="predictions.written",
        subject=f"scoring {scoring.number}",
        outcome="written",
        event_time=None,
        author=scoring.author,
        reason=f"Scoring {scoring.number}: {told(result)}"[:2000],
        evidence={
            "version": result.version,
            "rows": result.rows,
            "answered": result.answered,
            "rejects": result.rejects.count,
            "source": scoring.batch.source.told(),
            "sink": scoring.batch.sink.told(),
        },
        measured={
            "seconds": cost.seconds,
            "cpu_seconds": cost.cpu_seconds,
            "rows_per_second": cost.rows_per_second,
            "window": None if before is None else before.window,
        },
    )


def shown(loop: Loop, scoring: Scoring) -> ScoringRead:
    """A scoring as people see it."""
    result = scoring.result
    cost = None if result is None else result.cost
    return ScoringRead(
        loop=loop.name,
        number=scoring.number,
        state=scoring.state,
        cause="schedule" if scoring.due_at is not None else "hand",
        due_at=scoring.due_at,
        version=None if scoring.spec is None else scoring.spec.version,
        source=scoring.batch.source.told(),
        sink=scoring.batch.sink.told(),
        rows=0 if result is None else result.rows,
        answered=0 if result is None else result.answered,
        rejects=0 if result is None else result.rejects.count,
        repeated=0 if result is None else result.repeated,
        written=[] if result is None else result.written,
        seconds=None if cost is None else cost.seconds,
        cpu_seconds=None if cost is None else cost.cpu_seconds,
        rows_per_second=None if cost is None else cost.rows_per_second,
        attempts=scoring.attempts,
        job=scoring.job,
        message=scoring.message,
        next_at=scoring.next_at,
        created_at=scoring.created_at,
        ended_at=scoring.ended_at,
    )
