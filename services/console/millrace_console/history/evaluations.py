"""What the evaluation of a version found, beside its metrics: what it looks at, whom it confuses, its page."""

from millrace.aio import AsyncMillrace
from millrace_console.asking import Asked
from millrace_contracts.jobs import JobState
from millrace_contracts.learning import EvaluateResult
from millrace_contracts.models import ModelVersionRead

STEP = "evaluate"


async def of(
    asked: Asked, clients: AsyncMillrace, project: str, version: ModelVersionRead
) -> EvaluateResult | None:
    """The result of the job that judged a version; None for one that no run of a loop made, or that is forgotten."""
    number = version.lineage.loop_run
    if number is None:
        return None
    return await asked.of("training", _result(clients, project, version.model, number), None)


async def _result(clients: AsyncMillrace, project: str, loop: str, number: int) -> EvaluateResult | None:
    run = await clients.controller.run(loop, number, project=project)
    step = run.steps.get(STEP)
    if step is None or step.job is None:
        return None
    job = await clients.training.job(step.job, project=project)
    return EvaluateResult.model_validate(job.result) if job.state == JobState.SUCCEEDED else None
