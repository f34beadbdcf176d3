"""Runs as clients read them, with all that they logged."""

from collections.abc import Sequence

from millrace_core.database import Session
from millrace_registry.mlflow.answers import pairs
from millrace_registry.mlflow.inputs import queries as inputs
from millrace_registry.mlflow.metrics import queries as metrics
from millrace_registry.mlflow.runs import queries
from millrace_registry.mlflow.runs.schemas import RunData, RunInfo
from millrace_registry.mlflow.tables import MlflowRun
from millrace_registry.mlflow.texts import queries as texts
from millrace_registry.mlflow.tracking.schemas import RunTold


def root(experiment: str, run: str) -> str:
    """Where a run's files are, as clients know it."""
    return f"mlflow-artifacts:/{experiment}/{run}/artifacts"


def head(row: MlflowRun, experiment: str) -> RunInfo:
    """A run's head."""
    return RunInfo(
        run_uuid=row.id, run_id=row.id, experiment_id=experiment, run_name=row.name, user_id=row.user,
        status=row.status, start_time=row.started, end_time=row.ended, artifact_uri=root(experiment, row.id),
        lifecycle_stage=row.stage,
    )  # fmt: skip


async def heads(session: Session, rows: Sequence[MlflowRun]) -> list[RunInfo]:
    """The heads of these runs."""
    folders = await queries.shown_experiments(session, list(rows))
    return [head(row, folders[row.experiment_id]) for row in rows]


async def whole(session: Session, rows: Sequence[MlflowRun]) -> list[RunTold]:
    """These runs with metrics, parameters, tags, and what they read and made."""
    ids = [row.id for row in rows]
    values = await metrics.latest(session, ids)
    params = await texts.of_each(session, texts.PARAM, ids)
    tags = await texts.of_each(session, texts.RUN, ids)
    links = await inputs.told(session, ids)
    return [
        RunTold(
            info=info,
            data=RunData(
                metrics=values.get(info.run_id),
                params=pairs(params.get(info.run_id, {})),
                tags=pairs(tags.get(info.run_id, {})),
            ),
            inputs=links[info.run_id][0],
            outputs=links[info.run_id][1],
        )
        for info in await heads(session, rows)
    ]
