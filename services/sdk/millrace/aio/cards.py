"""Everything that is known of one version, asked of the services that know it."""

from datetime import UTC, datetime

from millrace.aio.platform import AsyncMillrace
from millrace.transport.errors import ApiError
from millrace_contracts.bodies import Document
from millrace_contracts.cards import ModelCard
from millrace_contracts.fairness import FairnessWindow
from millrace_contracts.jobs import JobState
from millrace_contracts.learning import EvaluateResult
from millrace_contracts.loop_runs import LoopRunRead
from millrace_contracts.loops import LoopRead
from millrace_contracts.models import ModelVersionRead

CHAMPION, EVALUATE = "champion", "evaluate"
GONE = 404
NO_RUN = "Its run: it was registered without one."
RUN_GONE = "Its run: the loop that had it was deleted."
LOOP_GONE = "What the loop declares: there is no loop of this name now."


async def gather(
    platform: AsyncMillrace, loop: str, number: int | None = None, *, project: str | None = None
) -> ModelCard:
    """The card of a version; of the champion, or else of the newest version, if none is named.

    What a service does not keep is named in the card. Raises: ApiError if there is no such version, or a service
    does not answer.
    """
    registry, unknown = platform.registry, list[str]()
    if number is None:
        number = (await registry.aliases(loop, project=project)).get(CHAMPION)
        number = number or (await registry.model(loop, project=project)).latest
    release = await registry.version(loop, number, project=project)
    declared = await _declared(platform, loop, project, unknown)
    run = await _run(platform, loop, release.lineage.loop_run, project, unknown)
    document = None if declared is None else declared.document
    return await of(platform, release, document, run, unknown, project=project)


async def of(
    platform: AsyncMillrace,
    release: ModelVersionRead,
    declared: Document | None,
    run: LoopRunRead | None,
    unknown: list[str],
    *,
    project: str | None = None,
) -> ModelCard:
    """The card of a *release* whose loop *declared* that and whose *run* is known; *unknown* says what is not."""
    loop, number = release.model, release.number
    moves = await platform.registry.alias_history(loop, CHAMPION, project=project)
    return ModelCard(
        project=project or platform.project,
        loop=loop,
        told_at=datetime.now(UTC),
        declared=declared,
        release=release.model_copy(update={"golden": {}}),
        lineage=await platform.registry.lineage(loop, number, project=project),
        run=run,
        evaluation=await _evaluation(platform, run, project, unknown),
        moves=[move for move in moves if number in (move.version, move.previous)],
        live=await _live(platform, declared, loop, project),
        unknown=unknown,
    )


async def _declared(
    platform: AsyncMillrace, loop: str, project: str | None, unknown: list[str]
) -> LoopRead | None:
    try:
        return await platform.controller.loop(loop, project=project)
    except ApiError as error:
        if error.status != GONE:
            raise
    unknown.append(LOOP_GONE)
    return None


async def _run(
    platform: AsyncMillrace, loop: str, number: int | None, project: str | None, unknown: list[str]
) -> LoopRunRead | None:
    if number is None:
        unknown.append(NO_RUN)
        return None
    try:
        return await platform.controller.run(loop, number, project=project)
    except ApiError as error:
        if error.status != GONE:
            raise
    unknown.append(RUN_GONE)
    return None


async def _evaluation(
    platform: AsyncMillrace, run: LoopRunRead | None, project: str | None, unknown: list[str]
) -> EvaluateResult | None:
    step = run.steps.get(EVALUATE) if run is not None else None
    if step is None or step.job is None:
        unknown.append("How it was judged: no evaluation of a run is known for it.")
        return None
    try:
        job = await platform.training.job(step.job, project=project)
    except ApiError as error:
        if error.status != GONE:
            raise
        unknown.append("How it was judged: the evaluation's job is not kept any more.")
        return None
    return EvaluateResult.model_validate(job.result) if job.state == JobState.SUCCEEDED else None


async def _live(
    platform: AsyncMillrace, declared: Document | None, loop: str, project: str | None
) -> FairnessWindow | None:
    """Groups over closed days; None where the loop declares none, or nobody watches it."""
    if not ((declared or {}).get("spec") or {}).get("fairness"):
        return None
    try:
        found = await platform.monitoring.fairness(loop, project=project)
    except ApiError as error:
        if error.status != GONE:
            raise
        return None
    return found if found.days else None
