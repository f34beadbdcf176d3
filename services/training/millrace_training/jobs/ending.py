"""Whether and how a running job ends, from what can be seen of it; and the decision that an ending is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millrace.decisions import Decision, decision
from millrace_core.database import utcnow
from millrace_training.jobs.states import State
from millrace_training.launch import limits
from millrace_training.process.sight import Sight
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job


@dataclass(frozen=True)
class Ending:
    """A terminal state with its result or its error."""

    state: State
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


def of(job: Job, sight: Sight, peak: int, settings: TrainingSettings) -> Ending | None:
    """How the job ends, or None when it goes on (or is to be tried again).

    A result counts even if it came together with a limit or a wish to cancel: the work is done.
    """
    if sight.result is not None:
        return Ending(State.SUCCEEDED, result=sight.result)
    if sight.error is not None:
        return Ending(State.FAILED, error=sight.error)
    if job.cancel_at is not None:
        late = (utcnow() - job.cancel_at).total_seconds() > settings.cancel_seconds
        return Ending(State.CANCELLED) if late or not sight.alive else None
    if sight.refusal is not None:
        return Ending(State.FAILED, error=sight.refusal)
    return _over_limit(job, sight, peak, settings)


def excused(job: Job, sight: Sight, settings: TrainingSettings) -> bool:
    """Whether a lost attempt does not count; not for ever, as a job may be what drives it from its node."""
    return sight.excused and job.excused < settings.job_excused


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
    counted = job.attempts - job.excused
    if not sight.alive and counted >= settings.job_attempts and not excused(job, sight, settings):
        return _given_up(job, sight)
    return None


def _given_up(job: Job, sight: Sight) -> Ending:
    if sight.setback is not None:
        return Ending(State.FAILED, error=sight.setback)
    return _failed(
        "The job's process died",
        f"It disappeared without a result {job.attempts} times.",
        "If the machine is short of memory, lower limits.memory so that the job is stopped with its peak.",
    )


def _failed(title: str, detail: str, mend: str, **extra: Any) -> Ending:
    problem = {"type": "about:blank", "title": title, "status": 422, "detail": f"{detail} {mend}"}
    return Ending(State.FAILED, error=problem | extra)


def decided(job: Job, end: Ending) -> Decision | None:
    """Accepting or refusing a loop's data is a decision; it leaves with the ending of the ingest job."""
    result = end.result
    if job.kind != "ingest" or job.loop is None or result is None or result["unchanged"]:
        return None
    accepted, dataset = result["accepted"], job.spec["dataset"]
    version = result["dataset_version"]
    subject = f"{dataset}/{version}" if accepted else f"{dataset} quarantine {result['quarantine']}"
    moment = result.get("last_event")
    return decision(
        project=job.project,
        loop=job.loop,
        run=job.loop_run,
        kind="data.accepted" if accepted else "data.refused",
        subject=subject,
        outcome="accepted" if accepted else "refused",
        event_time=None if moment is None else datetime.fromisoformat(moment),
        author="training",
        reason=result["reason"],
        evidence={"rows": result["rows"], "new_rows": result["new_rows"], "failed": result["failed"]},
        measured={"job": job.id},
    )
