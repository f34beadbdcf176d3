"""SQL that makes a loop's run an MLflow run: written with it, in one transaction, and never by anybody else."""

import json
from collections.abc import Iterator

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.bodies import Document
from millrace_contracts.training_runs import TrainingRunState
from millrace_registry.datasets import queries as datasets
from millrace_registry.mlflow.answers import KeyValue
from millrace_registry.mlflow.experiments import queries as experiments
from millrace_registry.mlflow.inputs import queries as inputs
from millrace_registry.mlflow.inputs.schemas import DatasetInput
from millrace_registry.mlflow.metrics import queries as metrics
from millrace_registry.mlflow.registered.queries import millis
from millrace_registry.mlflow.runs.queries import NAME, USER
from millrace_registry.mlflow.runs.schemas import MetricSent
from millrace_registry.mlflow.tables import MlflowRun
from millrace_registry.mlflow.texts import queries as texts
from millrace_registry.tables import DatasetVersion, Run

STATUS = {
    TrainingRunState.RUNNING: "RUNNING",
    TrainingRunState.SUCCEEDED: "FINISHED",
    TrainingRunState.FAILED: "FAILED",
    TrainingRunState.CANCELLED: "KILLED",
}
LONGEST = 6000
DEEPEST = 8
BATCH = 50
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""Stands for a null character, which JSON may have and a column of PostgreSQL may not."""


async def follow(session: AsyncSession, run: Run) -> None:
    """Let MLflow's clients see *run* as it is now; one of no loop is nobody's experiment and stays out."""
    if not run.loop:
        return
    experiment = await experiments.of_the_loop(session, run.project, run.loop)
    row = await session.get(MlflowRun, run.id)
    if row is None:
        row = MlflowRun(
            id=run.id, project=run.project, experiment_id=experiment.id, loop=run.loop, user="millrace"
        )
        session.add(row)
    row.name = f"{run.loop}-{run.loop_run}" if run.loop_run else run.key[:250]
    row.status, row.started = STATUS[TrainingRunState(run.state)], millis(run.created_at)
    row.ended = None if row.status == "RUNNING" else millis(run.updated_at)
    row.seen = run.updated_at
    await session.flush()
    await _facts(session, run, row)
    await _data(session, run, row)


async def _facts(session: AsyncSession, run: Run, row: MlflowRun) -> None:
    params = [
        KeyValue(key=_column(key)[:250], value=_column(value)[:LONGEST])
        for key, value in _flat(run.params)
        if key
    ]
    await texts.put(session, texts.PARAM, row.id, params)
    tags = {
        NAME: row.name, USER: row.user, "mlflow.source.name": "millrace", "millrace.loop": run.loop,
        "millrace.loop_run": str(run.loop_run or ""), "millrace.job": run.job or "", "millrace.message": run.message,
    }  # fmt: skip
    await texts.put(
        session, texts.RUN, row.id, [KeyValue(key=key, value=tags[key]) for key in tags if tags[key]]
    )
    known = {item.key: item.value for item in (await metrics.latest(session, [row.id])).get(row.id, [])}
    told = {_column(key)[:250]: value for key, value in run.metrics.items() if key and value is not None}
    at = millis(run.updated_at)
    said = [
        MetricSent(key=key, value=value, timestamp=at)
        for key, value in told.items()
        if known.get(key) != value
    ]
    await metrics.log(session, row.id, said)


def _column(text: str) -> str:
    """A text of JSON as a column keeps it."""
    return text.replace("\0", UNKNOWN)


def _flat(document: Document, before: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """The leaves of a document under their dotted names; lists are JSON."""
    for key, value in document.items():
        if isinstance(value, dict) and value and depth < DEEPEST:
            yield from _flat(value, f"{before}{key}.", depth + 1)
        else:
            yield before + key, value if isinstance(value, str) else json.dumps(value)


async def _data(session: AsyncSession, run: Run, row: MlflowRun) -> None:
    dataset = await datasets.find(session, run.project, run.dataset) if run.dataset else None
    key = None if dataset is None else (dataset.id, run.dataset_version or 0)
    version = None if key is None else await session.get(DatasetVersion, key)
    if version is None:
        return
    source = {"dataset": run.dataset, "version": run.dataset_version, "digest": version.digest}
    told = {
        "name": run.dataset, "digest": version.digest.removeprefix("sha256:")[:36], "source_type": "millrace",
        "source": json.dumps(source), "profile": json.dumps({"num_rows": version.rows}),
    }  # fmt: skip
    tags = [{"key": inputs.CONTEXT, "value": "training"}]
    await inputs.read(session, row, [DatasetInput.model_validate({"tags": tags, "dataset": told})])


async def behind(session: AsyncSession) -> list[Run]:
    """Runs of loops that changed since they were copied, or were written by a version that copied none."""
    stale = or_(MlflowRun.id.is_(None), MlflowRun.seen.is_(None), MlflowRun.seen < Run.updated_at)
    joined = select(Run).outerjoin(MlflowRun, MlflowRun.id == Run.id).where(Run.loop != "", stale)
    return list((await session.scalars(joined.order_by(Run.created_at).limit(BATCH))).all())
