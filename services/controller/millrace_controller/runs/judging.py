"""The gates of a run: its evaluation is judged once, and the verdict then stands."""

import asyncio

from millrace.transport.errors import ApiError
from millrace_contracts.bodies import Document
from millrace_contracts.decisions import Decision, decision
from millrace_contracts.jobs import JobKind
from millrace_contracts.learning import EvaluateResult
from millrace_contracts.loop_runs import GateWrite
from millrace_contracts.release import Files
from millrace_contracts.verdicts import GatesVerdict
from millrace_controller.gates.judge import judge
from millrace_controller.lookup import queries as lookup
from millrace_controller.runs import binding, history, queries
from millrace_controller.runs.ending import place
from millrace_controller.runs.plan import since_change
from millrace_controller.runs.states import BUSY
from millrace_controller.services import Services
from millrace_controller.tables import Loop, Outbox, Run
from millrace_core.errors import BadInput, Conflict
from millrace_core.outbox import decide

TOLD = 20
"""Columns whose importance a decision tells."""


async def pass_gates(
    services: Services, project: str, name: str, number: int, jobs: GateWrite
) -> GatesVerdict:
    """Judge what the run's own jobs found out.

    Raises: NotFound; BadInput for jobs of another run; Conflict if they have no result, or the run is over.
    """
    async with services.readers() as session:
        loop = await lookup.get(session, project, name)
        run = await queries.get(session, loop, number)
        before = await queries.before(session, run)
    if run.verdict is not None:
        return run.verdict
    trained, _ = await _result(services, loop, number, "train", jobs.train_job)
    files = Files.model_validate(trained["files"])
    told, data = await _result(services, loop, number, "evaluate", jobs.evaluate_job)
    evaluation = EvaluateResult.model_validate(told)
    rival = run.plan.evaluate["champion"] is not None
    past, turn = history.of(loop, run, before), since_change(run.plan)
    verdict = await asyncio.to_thread(judge, loop.spec, evaluation, rival, past, turn)
    async with services.sessions.begin() as session:
        loop = await lookup.get(session, project, name)
        run = await queries.get(session, loop, number)
        if run.state not in BUSY:
            raise Conflict(f"Run {number} is {run.state}; its gates are closed.")
        if run.verdict is not None:
            return run.verdict
        run.verdict, run.judged = verdict, binding.judged(loop, verdict, evaluation, files, data)
        asked = run.plan.train
        if asked.get("search") == "full" and asked.get("code") is None:
            loop.configurations = trained.get("configurations")
        await decide(session, Outbox, _decision(loop, run, verdict, evaluation))
    return verdict


async def _result(
    services: Services, loop: Loop, number: int, kind: JobKind, id: str
) -> tuple[Document, int | None]:
    """The result of the run's own job, and the version of the data that it was about.

    Raises: BadInput for any other job, Conflict if it has no result.
    """
    try:
        job = await services.clients.training.job(id, project=loop.project)
    except ApiError as error:
        if error.status in (404, 422):
            raise BadInput(f"There is no job {id}.") from error
        raise
    if (job.kind, job.loop, job.loop_run) != (kind, loop.name, number):
        raise BadInput(f"The job {id} is not the {kind} job of run {number} of {loop.name}.")
    if job.result is None:
        raise Conflict(f"The job {id} is {job.state}; it has no result.")
    return job.result, job.spec.get("dataset_version")


def _evidence(verdict: GatesVerdict, evaluation: EvaluateResult) -> Document:
    """What stays when the jobs are forgotten: gates, metrics, and which columns matter most."""
    found: Document = {
        "gates": verdict.model_dump(mode="json")["gates"],
        "metrics": evaluation.metrics.model_dump(),
    }
    if evaluation.importance:
        found["importance"] = {item.column: item.loss_added for item in evaluation.importance[:TOLD]}
    return found


def _decision(loop: Loop, run: Run, verdict: GatesVerdict, evaluation: EvaluateResult) -> Decision:
    return decision(
        project=loop.project, loop=loop.name, kind="gate.verdict", subject=f"run {run.number}",
        outcome=verdict.verdict, event_time=run.opened_at, author="controller",
        reason=f"The gates of run {run.number} say {verdict.verdict}: {verdict.reason}."[:2000],
        run=run.number, evidence=_evidence(verdict, evaluation),
        measured={"evidence": run.judged.evidence if run.judged else None} | place(run),
        cause=run.decision,
    )  # fmt: skip
