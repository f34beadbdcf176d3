"""What a run's page shows of its jobs: how far each step is, and which trials were best."""

import asyncio
from dataclasses import dataclass, field

from millrace.aio import AsyncMillrace
from millrace.watching import plain
from millrace_console.asking import Asked
from millrace_contracts.approvals import ApprovalRead
from millrace_contracts.bodies import Document
from millrace_contracts.digits import legible
from millrace_contracts.jobs import JobRead, TrialRead
from millrace_contracts.loop_runs import LoopRunRead

ORDER = ("ingest", "validate", "train", "evaluate", "gate", "compress", "register", "roll-out")
LEADERS = 20


@dataclass(frozen=True)
class Work:
    """Jobs by the step that waits for them, and the trials of the search."""

    jobs: dict[str, JobRead] = field(default_factory=dict)
    trials: list[TrialRead] = field(default_factory=list)


@dataclass(frozen=True)
class Step:
    """One step as a line: how it stands, in words, and how far (of one) where that is known."""

    name: str
    state: str
    words: str
    at: str
    done: float | None
    job: JobRead | None


@dataclass(frozen=True)
class Leader:
    """One trial: its place, what it was, its loss, and its settings."""

    number: int
    study: str
    name: str
    loss: float
    settings: str


async def work(asked: Asked, clients: AsyncMillrace, project: str, run: LoopRunRead) -> Work:
    """The jobs of a run and the trials of its search; a job that is forgotten is left out."""
    named = {name: step.job for name, step in run.steps.items() if step.job}
    found = await asyncio.gather(
        *(asked.of("training", _job(clients, project, job), None) for job in named.values())
    )
    jobs = {name: job for name, job in zip(named, found, strict=True) if job is not None}
    search = named.get("train")
    trials = list[TrialRead]()
    if search is not None:
        trials = await asked.of("training", clients.training.trials(search, project=project), trials)
    return Work(jobs, trials)


async def voting(
    asked: Asked, clients: AsyncMillrace, project: str, loop: str, run: LoopRunRead
) -> ApprovalRead | None:
    """What a run waits for, with whether whoever looks could approve or reject; None: for nobody, or not known now."""
    if run.state != "awaiting-approval":
        return None
    return await asked.of("controller", _approval(clients, project, loop, run.number), None)


async def _approval(clients: AsyncMillrace, project: str, loop: str, number: int) -> ApprovalRead | None:
    return await clients.controller.approval(loop, number, project=project)


async def _job(clients: AsyncMillrace, project: str, job: str) -> JobRead | None:
    return await clients.training.job(job, project=project)


def steps(run: LoopRunRead, work: Work) -> list[Step]:
    """Every step in order, also those that are still to come."""
    return [_step(name, run, work) for name in ORDER]


def _step(name: str, run: LoopRunRead, work: Work) -> Step:
    told, job = run.steps.get(name), work.jobs.get(name)
    if told is None:
        return Step(name, "to come" if run.ended_at is None else "not reached", "", "", None, None)
    words = plain(told.message) if told.message else ""
    progress = None if job is None or told.state != "running" else job.progress
    if job is not None and job.waiting is not None:
        words = f"waits: {job.waiting.message}"
    elif progress is not None:
        words = " · ".join(part for part in (progress.step, progress.message) if part)
    done = None
    if progress is not None and progress.done is not None and progress.total:
        done = min(1.0, progress.done / progress.total)
    return Step(name, told.state, words, told.at, done, job)


def leaders(work: Work) -> list[Leader]:
    """The best trials of the search, the best first."""
    found = [made for trial in work.trials if (made := _leader(trial)) is not None]
    return sorted(found, key=lambda item: item.loss)[:LEADERS]


def _leader(trial: TrialRead) -> Leader | None:
    loss = (trial.values or {}).get("loss")
    if not isinstance(loss, int | float):
        return None
    name = str(trial.params.get("id") or trial.params.get("family") or trial.study)
    settings = trial.params.get("params")
    shown: Document = settings if isinstance(settings, dict) else trial.params
    words = ", ".join(f"{key} {_short(value)}" for key, value in shown.items() if key not in ("id", "family"))
    return Leader(trial.number, trial.study, name, float(loss), words)


def _short(value: object) -> str:
    return legible(value) if isinstance(value, float) else str(value)
