"""SQL of logged models."""

import re
import uuid
from collections.abc import Sequence

from sqlalchemy import exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.errors import NotFound
from millrace_registry.mlflow.answers import KeyValue, invalid, now, pairs, place
from millrace_registry.mlflow.experiments import queries as experiments
from millrace_registry.mlflow.filters import Comparison, Order, conditions
from millrace_registry.mlflow.logged.schemas import (
    LoggedData,
    LoggedDataset,
    LoggedInfo,
    LoggedNew,
    LoggedOrder,
    LoggedSearch,
    LoggedTold,
)
from millrace_registry.mlflow.metrics import queries as metrics
from millrace_registry.mlflow.runs import queries as runs
from millrace_registry.mlflow.runs.schemas import ParamValue
from millrace_registry.mlflow.searching.queries import (
    Clause,
    Column,
    Space,
    clauses,
    is_lite,
    number,
    ordered,
)
from millrace_registry.mlflow.tables import MlflowExperiment, MlflowLoggedModel, MlflowMetric
from millrace_registry.mlflow.texts import queries as texts

ROW = MlflowLoggedModel
ID = re.compile(r"m-[0-9a-f]{32}").fullmatch
ATTRIBUTES = {
    "name": ROW.name,
    "model_id": ROW.id,
    "model_type": ROW.model_type,
    "status": ROW.status,
    "source_run_id": ROW.run_id,
    "creation_timestamp": ROW.created,
    "creation_time": ROW.created,
    "last_updated_timestamp": ROW.updated,
    "last_updated_time": ROW.updated,
}
TIMES = frozenset({"creation_timestamp", "creation_time", "last_updated_timestamp", "last_updated_time"})
SHORT = {
    "READY": "LOGGED_MODEL_READY",
    "PENDING": "LOGGED_MODEL_PENDING",
    "FAILED": "LOGGED_MODEL_UPLOAD_FAILED",
}


async def get(session: AsyncSession, project: str, model: str, deleted: bool = False) -> MlflowLoggedModel:
    """One logged model. Raises NotFound, also for a deleted one unless it is asked for."""
    found = await session.get(ROW, model) if ID(model) else None
    if found is None or found.project != project or (found.stage != "active" and not deleted):
        raise NotFound(f"Logged model with ID '{model}' not found in the project {project}.")
    return found


async def create(session: AsyncSession, project: str, new: LoggedNew) -> MlflowLoggedModel:
    """A logged model whose files are to come. Raises: NotFound, Forbidden, BadInput."""
    experiment = await experiments.own(session, project, new.experiment_id)
    if experiment.stage != "active":
        raise invalid(f"The experiment {experiment.shown} must be in the 'active' state: restore it first.")
    if new.source_run_id:
        await runs.own(session, project, new.source_run_id)
    made = ROW(
        id=f"m-{uuid.uuid4().hex}", project=project, experiment_id=experiment.id, run_id=new.source_run_id,
        name=new.name or f"model-{uuid.uuid4().hex[:8]}", model_type=new.model_type,
        status="LOGGED_MODEL_PENDING", created=now(), updated=now(),
    )  # fmt: skip
    session.add(made)
    await session.flush()
    await texts.put(session, texts.LOGGED, made.id, new.tags)
    await add_params(session, made, new.params)
    return made


async def add_params(session: AsyncSession, model: MlflowLoggedModel, params: list[ParamValue]) -> None:
    """Add parameters."""
    said = [KeyValue(key=item.key, value=item.value) for item in params]
    await texts.put(session, texts.LOGGED_PARAM, model.id, said)


async def tag(session: AsyncSession, model: MlflowLoggedModel, tags: list[KeyValue]) -> None:
    """Set tags."""
    await texts.put(session, texts.LOGGED, model.id, tags)


async def untag(session: AsyncSession, model: MlflowLoggedModel, key: str) -> None:
    """Remove a tag. Raises NotFound."""
    if "\0" in key or not await texts.remove(session, texts.LOGGED, model.id, key):
        raise NotFound(f"No tag with key '{key}' on the logged model {model.id}.")


def root(row: MlflowLoggedModel, experiment: str) -> str:
    """Where its files are, as clients know it."""
    return f"mlflow-artifacts:/{experiment}/models/{row.id}/artifacts"


async def whole(session: AsyncSession, rows: Sequence[MlflowLoggedModel]) -> list[LoggedTold]:
    """These models with tags, parameters and metrics."""
    ids = [row.id for row in rows]
    tags = await texts.of_each(session, texts.LOGGED, ids)
    params = await texts.of_each(session, texts.LOGGED_PARAM, ids)
    values = await metrics.of_models(session, ids)
    wanted = select(MlflowExperiment).where(MlflowExperiment.id.in_({row.experiment_id for row in rows}))
    folders = {row.id: row.shown for row in (await session.scalars(wanted)).all()} if rows else {}
    return [
        LoggedTold(
            info=LoggedInfo(
                model_id=row.id, experiment_id=folders[row.experiment_id], name=row.name,
                creation_timestamp_ms=row.created, last_updated_timestamp_ms=row.updated,
                artifact_uri=root(row, folders[row.experiment_id]), status=row.status, model_type=row.model_type,
                source_run_id=row.run_id, tags=pairs(tags.get(row.id, {})),
            ),
            data=LoggedData(params=pairs(params.get(row.id, {})), metrics=values.get(row.id)),
        )
        for row in rows
    ]  # fmt: skip


def space(datasets: list[LoggedDataset]) -> Space:
    """What logged models are searched by; metrics count only if measured on one of *datasets*, if any are given."""

    def mine(key: str) -> list[Clause]:
        found: list[Clause] = [
            MlflowMetric.model_id == ROW.id,
            MlflowMetric.key == key,
            MlflowMetric.is_nan.is_(False),
        ]
        on = [
            (MlflowMetric.dataset_name == item.dataset_name)
            & ((MlflowMetric.dataset_digest == item.dataset_digest) if item.dataset_digest else True)
            for item in datasets
        ]
        if on:
            found.append(or_(*on))
        return found

    def by_metric(key: str) -> list[Column]:
        return [select(func.max(MlflowMetric.value)).where(*mine(key)).scalar_subquery()]

    def metric(asked: Comparison, lite: bool) -> Clause:
        return exists().where(*mine(asked.key), number(MlflowMetric.value, asked, asked.value))

    return Space(
        attributes=ATTRIBUTES, numbers=TIMES, owner=ROW.id,
        texts={"tag": texts.LOGGED, "param": texts.LOGGED_PARAM},
        others={"metric": metric}, sorted={"metric": by_metric},
    )  # fmt: skip


async def search(session: AsyncSession, project: str, asked: LoggedSearch) -> list[MlflowLoggedModel]:
    """One more than a page of logged models, newest first unless asked otherwise."""
    folders = [(await experiments.get(session, project, shown)).id for shown in asked.experiment_ids]
    where = space(asked.datasets)
    statement = select(ROW).where(
        ROW.project == project, ROW.stage == "active", ROW.experiment_id.in_(folders)
    )
    found = [_status(condition) for condition in conditions(asked.filter)]
    statement = statement.where(*clauses(where, found, is_lite(session)))
    keys = ordered(where, [_order(item) for item in asked.order_by])
    statement = statement.order_by(*keys, ROW.created.desc(), ROW.id)
    page = statement.offset(place(asked.page_token)).limit(asked.max_results + 1)
    return list((await session.scalars(page)).all())


def _status(asked: Comparison) -> Comparison:
    if asked.entity == "attribute" and asked.key == "status" and isinstance(asked.value, str):
        return Comparison(
            asked.entity, asked.key, asked.operator, SHORT.get(asked.value.upper(), asked.value)
        )
    return asked


def _order(item: LoggedOrder) -> Order:
    entity, _, key = item.field_name.partition(".")
    if key and entity in ("metrics", "metric"):
        return Order("metric", key, not item.ascending)
    return Order("attribute", item.field_name, not item.ascending)
