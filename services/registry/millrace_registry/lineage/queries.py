"""From a model version back to the raw source, and forward to the decisions about it."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_registry.aliases import queries as aliases
from millrace_registry.datasets import queries as datasets
from millrace_registry.decisions import queries as decisions
from millrace_registry.models import queries as models
from millrace_registry.tables import DatasetVersion, Run


async def trace(session: AsyncSession, project: str, model: str, number: int) -> dict[str, Any]:
    """Everything that led to a model version and what was decided about it. Raises NotFound."""
    found = await models.get(session, project, model)
    body = models.read(found, await models.version(session, found, number))
    facts = body["lineage"]
    run = await session.get(Run, facts["run"]) if facts.get("run") else None
    related = await decisions.page(
        session, project, 0, 999, loop=facts.get("loop"), run=facts.get("loop_run")
    )
    moves = await aliases.history(session, found, "champion")
    return {
        "model": model,
        "version": number,
        "digest": body["digest"],
        "lineage": facts,
        "run": None if run is None else {"id": run.id, "params": run.params, "metrics": run.metrics},
        "data": await _ancestors(session, project, facts.get("dataset"), facts.get("dataset_version")),
        "decisions": [decisions.read(row) for row in related] if facts.get("loop") else [],
        "champion": [
            {"from": move.event_time or move.recorded_at, "reason": move.reason}
            for move in moves
            if move.version == number
        ],
    }


async def _ancestors(
    session: AsyncSession, project: str, name: str | None, number: int | None
) -> list[dict[str, Any]]:
    """The dataset version and all before it, newest first, each with its raw source."""
    dataset = await datasets.find(session, project, name) if name else None
    if dataset is None or number is None:
        return []
    mine = (DatasetVersion.dataset_id == dataset.id, DatasetVersion.number <= number)
    rows = (
        await session.scalars(select(DatasetVersion).where(*mine).order_by(DatasetVersion.number.desc()))
    ).all()
    return [
        {
            "dataset": name,
            "version": row.number,
            "digest": row.digest,
            "rows": row.rows,
            "source": row.body["source"],
        }
        for row in rows
    ]
