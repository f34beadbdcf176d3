"""SQL of aliases: moved by compare-and-set only, and every move is kept."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_registry.models.queries import version
from millrace_registry.models.schemas import AliasWrite
from millrace_registry.tables import Alias, AliasMove, Model


async def move(session: AsyncSession, model: Model, name: str, new: AliasWrite, actor: str) -> Alias:
    """Point the alias at another version, if it still points where the caller believes.

    Moving it where it already points answers without a new move. Raises: Conflict with the current version.
    """
    if new.version is not None:
        await version(session, model, new.version)
    alias = await _alias(session, model, name)
    if alias.version == new.version:
        return alias
    expected = Alias.version.is_(None) if new.expected is None else Alias.version == new.expected
    mine = (Alias.model_id == model.id, Alias.name == name, expected)
    change = (
        update(Alias).where(*mine).values(version=new.version, moves=Alias.moves + 1).returning(Alias.moves)
    )
    moves = (await session.execute(change.execution_options(synchronize_session=False))).scalar_one_or_none()
    if moves is None:
        await session.refresh(alias)
        raise Conflict(
            f"{name} of {model.name} points at version {alias.version}, not {new.expected}.",
            current=alias.version,
        )
    facts = new.model_dump(include={"version", "event_time", "decision", "reason"})
    session.add(
        AliasMove(
            model_id=model.id,
            name=name,
            number=moves,
            previous=new.expected,
            actor=actor,
            recorded_at=utcnow(),
            **facts,
        )
    )
    await session.flush()
    await session.refresh(alias)
    return alias


async def _alias(session: AsyncSession, model: Model, name: str) -> Alias:
    found = await session.get(Alias, (model.id, name))
    if found is None:
        found = Alias(model_id=model.id, name=name, version=None, moves=0)
        session.add(found)
        try:
            await session.flush()
        except IntegrityError as error:
            raise Conflict(f"The alias {name} was made by someone else just now; try again.") from error
    return found


async def every(session: AsyncSession, model: Model) -> list[Alias]:
    statement = select(Alias).where(Alias.model_id == model.id).order_by(Alias.name)
    return list((await session.scalars(statement)).all())


async def at(session: AsyncSession, model: Model, name: str, instant: datetime | None) -> int | None:
    """Version the alias pointed at in event time *instant*, or points at now. Raises NotFound if there is none."""
    if instant is None:
        found = await session.get(Alias, (model.id, name))
        if found is None:
            raise NotFound(f"{model.name} has no alias {name}.")
        return found.version
    moves = [
        item
        for item in await history(session, model, name)
        if (item.event_time or item.recorded_at) <= instant
    ]
    if not moves:
        raise NotFound(f"{name} of {model.name} pointed at nothing at {instant.isoformat()}.")
    return moves[-1].version


async def history(session: AsyncSession, model: Model, name: str) -> list[AliasMove]:
    """All moves, oldest first."""
    mine = (AliasMove.model_id == model.id, AliasMove.name == name)
    return list((await session.scalars(select(AliasMove).where(*mine).order_by(AliasMove.number))).all())
