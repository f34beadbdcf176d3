"""Which artifacts nothing refers to: not a dataset, a model, a run, a quarantine entry, nor a decision."""

import asyncio
import re
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_registry.artifacts.queries import hold
from millrace_registry.mlflow.tables import MlflowFile
from millrace_registry.tables import Artifact, DatasetVersion, DecisionRow, ModelVersion, Quarantined, Run

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
BATCH = 500
MENTIONING = (
    DatasetVersion.body,
    ModelVersion.body,
    Run.params,
    Run.artifacts,
    Quarantined.source,
    Quarantined.report,
    Quarantined.artifact,
    DecisionRow.body,
    MlflowFile.digest,
)


async def referenced(session: AsyncSession) -> set[str]:
    """Every digest that any record mentions, whatever the field: a mention is enough to keep it."""
    digests: set[str] = set()
    for column in MENTIONING:
        rows = await session.stream_scalars(select(column).execution_options(yield_per=BATCH))
        async for batch in rows.partitions():
            digests |= await asyncio.to_thread(_digests, batch)
    return digests


def _digests(values: object) -> set[str]:
    return set(DIGEST.findall(str(values)))


async def unreferenced(session: AsyncSession, before: datetime) -> list[Artifact]:
    """Artifacts stored before *before* that nothing mentions, and that nobody can mention before the session ends."""
    await hold(session, alone=True)
    old = select(Artifact).where(Artifact.created_at < before).order_by(Artifact.digest, Artifact.project)
    rows = (await session.scalars(old)).all()
    kept = await referenced(session) if rows else set()
    return [row for row in rows if row.digest not in kept]
