"""Which artifacts nothing refers to: not a dataset, a model, a run, a quarantine entry, nor a decision."""

import re
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_registry.tables import Artifact, DatasetVersion, DecisionRow, ModelVersion, Quarantined, Run

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


async def referenced(session: AsyncSession) -> set[str]:
    """Every digest that any record mentions, whatever the field: a mention is enough to keep it."""
    found: set[str] = set()
    for column in (
        DatasetVersion.body,
        ModelVersion.body,
        Run.artifacts,
        Quarantined.source,
        Quarantined.artifact,
    ):
        for value in await session.scalars(select(column)):
            found |= set(DIGEST.findall(str(value)))
    for text in await session.scalars(select(DecisionRow.body)):
        found |= set(DIGEST.findall(text))
    return found


async def unreferenced(session: AsyncSession, before: datetime) -> list[Artifact]:
    """Artifacts stored before *before* that nothing mentions."""
    kept = await referenced(session)
    rows = await session.scalars(
        select(Artifact).where(Artifact.created_at < before).order_by(Artifact.digest)
    )
    return [row for row in rows if row.digest not in kept]


async def owners(session: AsyncSession, digest: str) -> int:
    """How many projects still hold the blob."""
    return len((await session.scalars(select(Artifact.project).where(Artifact.digest == digest))).all())
