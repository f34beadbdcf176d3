"""SQL of aliases: moved by compare-and-set only, and every move is kept."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.models import AliasWrite
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_core.ledger.queries import touch
from millrace_registry.models.queries import version
from millrace_registry.tables import Alias, AliasMove, Model, insert_new


async def move(session: AsyncSession, model: Model, name: str, new: AliasWrite, actor: str) -> Alias:
    """Point the alias at another version, if it still points where the caller believes.

    Moving it where it already points answers without a new move. Raises: Conflict with the current version;
    NotFound for a version that is not there.
    """
    if new.version is not None:
        await version(session, model, new.version)
    if await insert_new(session, Alias, model_id=model.id, name=name, version=None, moves=0):
        touch(session, Alias, model.id, name)
    moves = await _compare_and_set(session, model, name, new)
    alias = await session.get_one(Alias, (model.id, name), populate_existing=True)
    if moves is not None:
        facts = new.model_dump(include={"version", "event_time", "decision", "reason"})
        place = {"model_id": model.id, "name": name, "number": moves, "previous": new.expected}
        session.add(AliasMove(**place, actor=actor, recorded_at=utcnow(), **facts))
        touch(session, Alias, model.id, name)
        await session.flush()
    elif alias.version != new.version:
        said = f"points at {_shown(alias.version)}, not {_shown(new.expected)}"
        raise Conflict(f"{name} of {model.name} {said}.", current=alias.version)
    return alias


async def _compare_and_set(session: AsyncSession, model: Model, name: str, new: AliasWrite) -> int | None:
    """Move the pointer in one statement; returns the number of the move, None when nothing was moved."""
    expected = Alias.version.is_(None) if new.expected is None else Alias.version == new.expected
    elsewhere = Alias.version.is_distinct_from(new.version)
    change = (
        update(Alias)
        .where(Alias.model_id == model.id, Alias.name == name, expected, elsewhere)
        .values(version=new.version, moves=Alias.moves + 1)
        .returning(Alias.moves)
        .execution_options(synchronize_session=False)
    )
    return (await session.execute(change)).scalar_one_or_none()


def _shown(number: int | None) -> str:
    return "nothing" if number is None else f"version {number}"


async def every(session: AsyncSession, model: Model) -> list[Alias]:
    statement = select(Alias).where(Alias.model_id == model.id).order_by(Alias.name)
    return list((await session.scalars(statement)).all())


async def at(
    session: AsyncSession,
    model: Model,
    name: str,
    instant: datetime | None = None,
    known_at: datetime | None = None,
) -> int | None:
    """Version the alias pointed at in event time *instant*, or points at now.

    A move without event time holds from when it was recorded. Of the moves that hold at the instant the one
    recorded last counts; *known_at* leaves out moves recorded later. Raises NotFound if there is none.
    """
    moves = [
        item
        for item in await history(session, model, name)
        if (instant is None or (item.event_time or item.recorded_at) <= instant)
        and (known_at is None or item.recorded_at <= known_at)
    ]
    if not moves:
        raise NotFound(
            f"{model.name} had no {name} then." if instant else f"{model.name} has no alias {name}."
        )
    return moves[-1].version


async def history(session: AsyncSession, model: Model, name: str) -> list[AliasMove]:
    """All moves, oldest first."""
    mine = (AliasMove.model_id == model.id, AliasMove.name == name)
    return list((await session.scalars(select(AliasMove).where(*mine).order_by(AliasMove.number))).all())
