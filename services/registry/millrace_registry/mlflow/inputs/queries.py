"""SQL of what runs read and made: data as clients tell of it, and logged models."""

import json
from collections import defaultdict
from collections.abc import Sequence, Set

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.errors import NotFound
from millrace_registry.mlflow.answers import Pair
from millrace_registry.mlflow.inputs.schemas import (
    DatasetInput,
    DatasetInputTold,
    DatasetSummary,
    DatasetTold,
    ModelInputTold,
    ModelOutputTold,
    RunInputs,
    RunOutputs,
)
from millrace_registry.mlflow.tables import (
    MlflowDataset,
    MlflowExperiment,
    MlflowInput,
    MlflowLoggedModel,
    MlflowRun,
    MlflowRunModel,
)
from millrace_registry.tables import insert_new

CONTEXT = "mlflow.data.context"
MOST = 1000


async def read(session: AsyncSession, run: MlflowRun, datasets: Sequence[DatasetInput]) -> None:
    """Keep that a run read these; the same data of an experiment is kept once."""
    for item in datasets:
        dataset = await _dataset(session, run.experiment_id, item)
        tags = {tag.key: tag.value for tag in item.tags}
        facts = {"context": tags.get(CONTEXT), "tags": json.dumps(tags)}
        await insert_new(session, MlflowInput, run_id=run.id, dataset_id=dataset, **facts)


async def _dataset(session: AsyncSession, experiment: int, item: DatasetInput) -> int:
    told = item.dataset
    key = {"experiment_id": experiment, "name": told.name, "digest": told.digest}
    facts = {
        "source_type": told.source_type,
        "source": told.source,
        "schema": told.schema_,
        "profile": told.profile,
    }
    await insert_new(session, MlflowDataset, **key, **facts)
    return (await session.scalars(select(MlflowDataset.id).filter_by(**key))).one()


async def check(session: AsyncSession, project: str, models: Set[str]) -> None:
    """That these logged models are of the project: what a run says of one is shown with it. Raises NotFound."""
    mine = (MlflowLoggedModel.project == project, MlflowLoggedModel.id.in_(models))
    known = set((await session.scalars(select(MlflowLoggedModel.id).where(*mine))).all()) if models else set()
    for model in sorted(models - known):
        raise NotFound(f"Logged model with ID '{model}' not found in the project {project}.")


async def link(
    session: AsyncSession, project: str, run: MlflowRun, models: Sequence[tuple[str, int]], side: str
) -> None:
    """Keep that a run read or made logged models (their ids and the step). Raises NotFound."""
    await check(session, project, {model for model, _ in models})
    for model, step in models:
        await insert_new(session, MlflowRunModel, run_id=run.id, model_id=model, side=side, step=step)


async def told(session: AsyncSession, runs: Sequence[str]) -> dict[str, tuple[RunInputs, RunOutputs]]:
    """What each of the runs read and made."""
    data: dict[str, list[DatasetInputTold]] = defaultdict(list)
    joined = select(MlflowInput, MlflowDataset).join(
        MlflowDataset, MlflowInput.dataset_id == MlflowDataset.id
    )
    rows = await session.execute(joined.where(MlflowInput.run_id.in_(runs)).order_by(MlflowDataset.id))
    for link_row, dataset in rows.all():
        data[link_row.run_id].append(_shown(link_row, dataset))
    ins: dict[str, list[ModelInputTold]] = defaultdict(list)
    outs: dict[str, list[ModelOutputTold]] = defaultdict(list)
    models = select(MlflowRunModel).where(MlflowRunModel.run_id.in_(runs)).order_by(MlflowRunModel.model_id)
    for row in (await session.scalars(models)).all():
        if row.side == "input":
            ins[row.run_id].append(ModelInputTold(model_id=row.model_id))
        else:
            outs[row.run_id].append(ModelOutputTold(model_id=row.model_id, step=row.step))
    return {
        run: (
            RunInputs(dataset_inputs=data[run] or None, model_inputs=ins[run] or None),
            RunOutputs(model_outputs=outs[run] or None),
        )
        for run in runs
    }


def _shown(row: MlflowInput, dataset: MlflowDataset) -> DatasetInputTold:
    tags = [Pair(key=key, value=value) for key, value in json.loads(row.tags).items()]
    facts = {"source_type": dataset.source_type, "source": dataset.source}
    return DatasetInputTold(
        tags=tags or None,
        dataset=DatasetTold(
            name=dataset.name, digest=dataset.digest, schema_=dataset.schema, profile=dataset.profile, **facts
        ),
    )


async def summaries(session: AsyncSession, project: str, experiments: dict[int, str]) -> list[DatasetSummary]:
    """Data that runs of these experiments (shown id by id) read, and what for; at most a thousand."""
    of_project = MlflowExperiment.project == project
    statement = (
        select(MlflowDataset, MlflowInput.context)
        .join(MlflowInput, MlflowInput.dataset_id == MlflowDataset.id)
        .join(MlflowExperiment, MlflowExperiment.id == MlflowDataset.experiment_id)
        .where(of_project, MlflowDataset.experiment_id.in_(experiments))
        .distinct()
        .order_by(MlflowDataset.name, MlflowDataset.digest)
        .limit(MOST)
    )
    return [
        DatasetSummary(
            experiment_id=experiments[row.experiment_id], name=row.name, digest=row.digest, context=context
        )
        for row, context in (await session.execute(statement)).all()
    ]
