"""What the evaluation of a version found, beside its metrics: what it looks at, whom it confuses, its page."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from millrace.aio import AsyncMillrace
from millrace_console.asking import Asked
from millrace_contracts.fairness import FairnessEvaluation
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


@dataclass(frozen=True)
class GroupsOfVersion:
    """The groups of protected attributes when a version was judged, on the blocks from *since* to *until*."""

    version: int
    since: str
    until: str
    fairness: FairnessEvaluation


async def groups(
    asked: Asked, clients: AsyncMillrace, project: str, versions: Sequence[ModelVersionRead]
) -> list[GroupsOfVersion]:
    """Groups as evaluations compared them, version by version: also those of columns that no model takes.

    Versions that nobody judged, or without declared attributes, are left out.
    """
    found = await asyncio.gather(*(of(asked, clients, project, item) for item in versions))
    return [
        GroupsOfVersion(item.number, judged.blocks[0].block, judged.blocks[-1].block, judged.fairness)
        for item, judged in zip(versions, found, strict=True)
        if judged is not None and judged.fairness is not None and judged.blocks
    ]


async def _result(clients: AsyncMillrace, project: str, loop: str, number: int) -> EvaluateResult | None:
    run = await clients.controller.run(loop, number, project=project)
    step = run.steps.get(STEP)
    if step is None or step.job is None:
        return None
    job = await clients.training.job(step.job, project=project)
    return EvaluateResult.model_validate(job.result) if job.state == JobState.SUCCEEDED else None
