"""SQL of metrics: every value is kept once, and the one that counts stands beside them."""

import math
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_registry.mlflow.answers import place
from millrace_registry.mlflow.runs.schemas import History, MetricSent, MetricTold
from millrace_registry.mlflow.tables import MlflowLatest, MlflowMetric

Row = MlflowMetric | MlflowLatest
BATCH = 100
"""Values in one statement; PostgreSQL takes 32,767 parameters, SQLite as many."""


async def log(session: AsyncSession, run: str, metrics: Sequence[MetricSent]) -> None:
    """Keep values; the same value again is the same. The caller holds the run."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    rows = [_row(run, item) for item in metrics]
    for begin in range(0, len(rows), BATCH):
        new = dialect.insert(MlflowMetric).values(rows[begin : begin + BATCH])
        await session.execute(new.on_conflict_do_nothing())
    await _count(session, run, rows)


def _row(run: str, item: MetricSent) -> dict[str, object]:
    lacks = math.isnan(item.value)
    facts = item.model_dump(include={"key", "step", "model_id", "dataset_name", "dataset_digest"})
    return facts | {
        "run_id": run,
        "value": 0.0 if lacks else item.value,
        "is_nan": lacks,
        "at": item.timestamp,
    }


def _rank(row: dict[str, object]) -> tuple[object, ...]:
    return row["step"], row["at"], row["value"]


async def _count(session: AsyncSession, run: str, rows: list[dict[str, object]]) -> None:
    """Put the values that count beside the others: of the last step, then of the last instant, then the largest."""
    best: dict[object, dict[str, object]] = {}
    for row in rows:
        if row["key"] not in best or _rank(row) >= _rank(best[row["key"]]):
            best[row["key"]] = row
    there = select(MlflowLatest).where(MlflowLatest.run_id == run, MlflowLatest.key.in_(best))
    known = {row.key: row for row in (await session.scalars(there)).all()}
    for key, row in best.items():
        old = known.get(str(key))
        if old is None:
            session.add(MlflowLatest(**row))
        elif _rank(row) >= (old.step, old.at, old.value):
            for name, value in row.items():
                setattr(old, name, value)
    await session.flush()


async def latest(session: AsyncSession, runs: Sequence[str]) -> dict[str, list[MetricTold]]:
    """The values that count, by run."""
    found: dict[str, list[MetricTold]] = defaultdict(list)
    statement = select(MlflowLatest).where(MlflowLatest.run_id.in_(runs)).order_by(MlflowLatest.key)
    for row in (await session.scalars(statement)).all() if runs else ():
        found[row.run_id].append(told(row))
    return found


def told(row: Row, of_model: bool = False) -> MetricTold:
    """A value as it is shown; one of a logged model says of which, on which data, and whose run measured it."""
    facts = {"model_id": row.model_id, "run_id": row.run_id} if of_model else {}
    data = {"dataset_name": row.dataset_name or None, "dataset_digest": row.dataset_digest or None}
    return MetricTold(
        key=row.key, value=math.nan if row.is_nan else row.value, timestamp=row.at, step=row.step,
        **facts, **(data if of_model else {}),
    )  # fmt: skip


async def history(session: AsyncSession, run: str, asked: History) -> list[MlflowMetric]:
    """Values of one metric in the order of time, one more than a page; all of them if no size is asked for.

    A value that was told of a logged model too is one value of the run.
    """
    mine = (MlflowMetric.run_id == run, MlflowMetric.key == asked.metric_key)
    once = (MlflowMetric.step, MlflowMetric.at, MlflowMetric.value, MlflowMetric.is_nan)
    first = select(func.min(MlflowMetric.id)).where(*mine).group_by(*once)
    statement = select(MlflowMetric).where(MlflowMetric.id.in_(first))
    statement = statement.order_by(MlflowMetric.at, MlflowMetric.step, MlflowMetric.value, MlflowMetric.id)
    if asked.max_results is not None:
        statement = statement.offset(place(asked.page_token)).limit(asked.max_results + 1)
    return list((await session.scalars(statement)).all())


async def of_models(session: AsyncSession, models: Sequence[str]) -> dict[str, list[MetricTold]]:
    """Values by logged model, in the order in which they came."""
    found: dict[str, list[MetricTold]] = defaultdict(list)
    statement = select(MlflowMetric).where(MlflowMetric.model_id.in_(models)).order_by(MlflowMetric.id)
    for row in (await session.scalars(statement)).all() if models else ():
        found[row.model_id].append(told(row, of_model=True))
    return found
