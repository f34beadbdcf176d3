"""Whether and how a running job ends, from what can be seen of it; and the decision that an ending is."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from millrace_contracts.bodies import Document
from millrace_contracts.decisions import Decision, decision
from millrace_contracts.jobs import Problem
from millrace_contracts.pulls import Pulled, PullResult, PullSpec
from millrace_contracts.rows import IngestResult, IngestSpec
from millrace_contracts.waiting import Waiting
from millrace_core import pauses
from millrace_core.database import utcnow
from millrace_core.waiting import MORE_QUOTA, QUEUED, QUOTA
from millrace_training.jobs.states import State
from millrace_training.launch import limits
from millrace_training.process.sight import Sight
from millrace_training.runtime.errors import JobError
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job


@dataclass(frozen=True)
class Ending:
    """A terminal state with its result or its error."""

    state: State
    result: Document | None = None
    error: Problem | None = None


def of(job: Job, sight: Sight, peak: int, settings: TrainingSettings) -> Ending | None:
    """How the job ends, or None when it goes on (or is to be tried again).

    A result counts even if it came together with a limit or a wish to cancel: the work is done.
    """
    if sight.outcome.result is not None:
        return Ending(State.SUCCEEDED, result=sight.outcome.result)
    if sight.outcome.error is not None:
        return Ending(State.FAILED, error=sight.outcome.error)
    if sight.short and job.cancel_at is None:
        return None
    if job.cancel_at is not None:
        late = (utcnow() - job.cancel_at).total_seconds() > settings.cancel_seconds
        return Ending(State.CANCELLED) if late or not sight.alive else None
    if sight.refusal is not None:
        return Ending(State.FAILED, error=sight.refusal)
    return _over_limit(job, sight, peak, settings)


def excused(job: Job, sight: Sight, settings: TrainingSettings) -> bool:
    """Whether a lost attempt does not count; not for ever, as a job may be what drives it from its node."""
    return sight.excused and job.excused < settings.job_excused


def no_room(job: Job, sight: Sight, settings: TrainingSettings) -> dict[str, object]:
    """What is remembered of a job that goes back to its queue: since when it is short, and when it is tried again."""
    next_at = utcnow() + timedelta(seconds=pauses.seconds(settings.shortage_pause, job.shortages))
    since = _short_since(job) + timedelta(seconds=sight.queued)
    given_up = since + timedelta(seconds=settings.shortage_seconds)
    why = f": {sight.waiting.message[:350]}" if sight.waiting else ""
    end = f"{given_up:%Y-%m-%d %H:%M} UTC"
    words = (
        f"there was no room for it{why}; it is tried again at {next_at:%H:%M:%S} UTC, and given up at {end}, or later "
        "by the time that it stands in line"
    )
    return {
        "shortages": job.shortages + 1,
        "short_since": since,
        "next_at": next_at,
        "waiting": Waiting(
            reason=sight.waiting.reason if sight.waiting else QUEUED, message=words[:500]
        ).model_dump(),
    }


def given_up_at(job: Job, settings: TrainingSettings) -> datetime:
    """When a job for which there is no room is not tried again any more."""
    return _short_since(job) + timedelta(seconds=settings.shortage_seconds)


def _short_since(job: Job) -> datetime:
    return job.short_since or job.attempt_at or utcnow()


def no_quota(job: Job, why: str) -> Ending:
    """The end of a job that a quota of the namespace does not let in, and will not."""
    since = _short_since(job)
    waited = max(0.0, (utcnow() - since).total_seconds())
    detail = f"Not started after {waited:.0f} s: {QUOTA}: {why.rstrip('.')}."
    return _failed("No room in the namespace's quota", detail, MORE_QUOTA, reason=QUOTA)


def refused(why: str) -> Ending:
    """The end of a job that could not be started, and could not later."""
    mend = "Change the job's placement or limits, or what the cluster permits."
    return _failed("The cluster refused the job", why, mend)


def _over_limit(job: Job, sight: Sight, peak: int, settings: TrainingSettings) -> Ending | None:
    memory, wall = limits.memory_bytes(job, settings), limits.wall_seconds(job, settings)
    if sight.rss > memory:
        return _failed(
            "Out of memory",
            f"The job used {peak >> 20} MiB; it may use {memory >> 20} MiB.",
            "Raise limits.memory, or train on fewer rows or columns.",
            peak_rss_bytes=peak,
        )
    began = sight.began or job.attempt_at
    assert began is not None
    if sight.alive and not sight.waits and (utcnow() - began).total_seconds() > wall:
        return _failed(
            "Out of time",
            f"The job ran for {wall:g} s, the most it may.",
            "Raise limits.wall, or ask for fewer trials.",
        )
    counted = job.attempts - job.excused - job.shortages
    if not sight.alive and counted >= settings.job_attempts and not excused(job, sight, settings):
        return _given_up(job, sight)
    return None


def _given_up(job: Job, sight: Sight) -> Ending:
    if sight.outcome.setback is not None:
        return Ending(State.FAILED, error=sight.outcome.setback)
    return _failed(
        "The job's process died",
        f"It disappeared without a result {job.attempts} times.",
        "If the machine is short of memory, lower limits.memory so that the job is stopped with its peak.",
    )


def _failed(title: str, detail: str, mend: str, **extra: int | str) -> Ending:
    return Ending(State.FAILED, error=JobError(title, detail, mend, **extra).problem())


def decided(job: Job, end: Ending) -> list[Decision]:
    """Accepting or refusing a loop's data is a decision; it leaves with the ending of the job that brought it."""
    if job.loop is None or end.result is None:
        return []
    if job.kind == "pull":
        pulled = PullResult.model_validate(end.result)
        dataset = PullSpec.model_validate(job.spec).dataset
        return [_of_source(job, dataset, pulled, item) for item in pulled.deliveries]
    if job.kind != "ingest":
        return []
    result, spec = IngestResult.model_validate(end.result), IngestSpec.model_validate(job.spec)
    if result.unchanged:
        return []
    evidence = result.model_dump(mode="json", include={"rows", "new_rows", "failed"})
    evidence |= {"changes": result.changes} if result.changes else {}
    return [
        _data(
            job, _subject(spec.dataset, result), result.accepted, result.reason, evidence, result.last_event
        )
    ]


def _of_source(job: Job, dataset: str, pulled: PullResult, item: Pulled) -> Decision:
    evidence = {"rows": pulled.rows} | item.model_dump(mode="json", include={"new_rows", "failed"})
    return _data(job, _subject(dataset, item), item.accepted, item.reason, evidence, pulled.last_event)


def _subject(dataset: str, item: IngestResult | Pulled) -> str:
    return f"{dataset}/{item.dataset_version}" if item.accepted else f"{dataset} quarantine {item.quarantine}"


def _data(
    job: Job, subject: str, accepted: bool, reason: str, evidence: Document, last_event: datetime | None
) -> Decision:
    assert job.loop is not None
    return decision(
        project=job.project,
        loop=job.loop,
        run=job.loop_run,
        kind="data.accepted" if accepted else "data.refused",
        subject=subject,
        outcome="accepted" if accepted else "refused",
        event_time=last_event,
        author="training",
        reason=reason[:2000],
        evidence=evidence,
        measured={"job": job.id},
    )
