"""Loops' models as registered models: versions and aliases read from where the loops keep them."""

from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.models import ModelVersionRead
from millrace_core.errors import NotFound
from millrace_registry.aliases import queries as aliases
from millrace_registry.mlflow.experiments.queries import LOOPS
from millrace_registry.mlflow.registered.queries import millis
from millrace_registry.mlflow.registered.schemas import AliasTold, RegisteredTold, VersionTold
from millrace_registry.models import queries as models
from millrace_registry.tables import Model


async def pointing(session: AsyncSession, model: Model) -> dict[str, int]:
    """Where each alias points."""
    return {row.name: row.version for row in await aliases.every(session, model) if row.version is not None}


def told(version: ModelVersionRead, points: dict[str, int] | None = None) -> VersionTold:
    """A version as clients read it."""
    at, loop = millis(version.created_at), version.model
    return VersionTold(
        name=LOOPS + loop, version=str(version.number), creation_timestamp=at, last_updated_timestamp=at,
        current_stage="None", description=f"The loop {loop}: {version.task} of {version.target}, {version.digest}.",
        source=f"mlflow-artifacts:/loops/{loop}/{version.number}/artifacts", run_id=version.lineage.run or "",
        run_link="", aliases=[name for name, number in (points or {}).items() if number == version.number] or None,
    )  # fmt: skip


async def version(session: AsyncSession, project: str, loop: str, number: int) -> VersionTold:
    """One version. Raises NotFound."""
    model = await models.get(session, project, loop)
    found = models.read(model, await models.version(session, model, number))
    return told(found, await pointing(session, model))


async def by_alias(session: AsyncSession, project: str, loop: str, alias: str) -> VersionTold:
    """The version at which an alias points. Raises NotFound."""
    number = (await pointing(session, await models.get(session, project, loop))).get(alias)
    if number is None:
        raise NotFound(f"Registered model alias {alias} not found.")
    return await version(session, project, loop, number)


async def registered(session: AsyncSession, project: str, loop: str) -> RegisteredTold:
    """A loop's model with its newest version and its aliases. Raises NotFound."""
    model = await models.get(session, project, loop)
    points = await pointing(session, model)
    newest = [await version(session, project, loop, model.latest)] if model.latest else []
    at = millis(model.created_at)
    return RegisteredTold(
        name=LOOPS + loop, creation_timestamp=at, last_updated_timestamp=newest[0].creation_timestamp if newest else at,
        description=model.description or f"The model of the loop {loop}: its gates move champion, clients read it.",
        latest_versions=[item.model_copy(update={"aliases": None}) for item in newest] or None,
        aliases=[AliasTold(alias=name, version=str(number)) for name, number in points.items()] or None,
    )  # fmt: skip
