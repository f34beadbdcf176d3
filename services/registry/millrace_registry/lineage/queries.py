"""From a model version back to the raw source, and forward to the decisions about it."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.datasets import RowsOrigin
from millrace_contracts.lineage import DataOfModel, LineageRead, RunOfModel, TimeAsChampion
from millrace_registry.aliases import queries as aliases
from millrace_registry.datasets import queries as datasets
from millrace_registry.decisions import queries as decisions
from millrace_registry.models import queries as models
from millrace_registry.tables import DatasetVersion, Run


async def trace(session: AsyncSession, project: str, model: str, number: int) -> LineageRead:
    """Everything that led to a model version and what was decided about it. Raises NotFound."""
    named = await models.get(session, project, model)
    version = models.read(named, await models.version(session, named, number))
    facts = version.lineage
    run = await session.get(Run, facts.run) if facts.run else None
    run = run if run is not None and run.project == project else None
    related = await decisions.page(session, project, 0, 999, loop=facts.loop, run=facts.loop_run)
    moves = await aliases.history(session, named, "champion")
    return LineageRead(
        model=model,
        version=number,
        digest=version.digest,
        lineage=facts,
        run=None if run is None else RunOfModel(id=run.id, params=run.params, metrics=run.metrics),
        data=await _ancestors(session, project, facts.dataset, facts.dataset_version),
        decisions=[decisions.read(row) for row in related] if facts.loop else [],
        champion=[
            TimeAsChampion(
                from_=move.event_time or move.recorded_at, recorded_at=move.recorded_at, reason=move.reason
            )
            for move in moves
            if move.version == number
        ],
    )


async def _ancestors(
    session: AsyncSession, project: str, name: str | None, number: int | None
) -> list[DataOfModel]:
    """The dataset version and all before it, newest first, each with its raw source."""
    dataset = await datasets.find(session, project, name) if name else None
    if dataset is None or number is None:
        return []
    mine = (DatasetVersion.dataset_id == dataset.id, DatasetVersion.number <= number)
    ordered = select(DatasetVersion).where(*mine).order_by(DatasetVersion.number.desc())
    return [
        DataOfModel(
            dataset=dataset.name,
            version=row.number,
            digest=row.digest,
            rows=row.rows,
            source=RowsOrigin.model_validate(row.body["source"]),
        )
        for row in (await session.scalars(ordered)).all()
    ]
