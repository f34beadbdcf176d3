"""SQL of the operator: every loop that a resource declares, with what its status is made of, in few statements."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from millrace_controller.lookup.queries import DELETED
from millrace_controller.runs.states import IN_FLIGHT
from millrace_controller.tables import Loop, Run

NEWEST = and_(Run.loop_id == Loop.id, Run.number == Loop.runs)
OWNED = and_(Loop.owner.is_not(None), Loop.state != DELETED)
NEEDLESS = (defer(Loop.configurations, raiseload=True), defer(Run.plan, raiseload=True))
"""Columns that are long and that no status speaks of."""


@dataclass(frozen=True)
class DeclaredLoop:
    """A loop, its newest run, and the digest of its champion."""

    loop: Loop
    newest: Run | None
    digest: str | None

    @property
    def uid(self) -> str:
        assert self.loop.owner is not None
        return self.loop.owner.uid

    @property
    def moving(self) -> bool:
        """Whether something is going on that people watch."""
        busy = self.newest is not None and self.newest.state in IN_FLIGHT
        return busy or self.loop.route_intent is not None


async def owned(session: AsyncSession, names: set[str] | None = None) -> dict[str, DeclaredLoop]:
    """All loops that resources declare, or those of them with one of *names*, by uid."""
    return await _declared(session, true() if names is None else Loop.name.in_(names))


async def moving(session: AsyncSession, also: set[int], since: datetime) -> dict[str, DeclaredLoop]:
    """Those of them in which something is going on, or was *since*, and the loops with the ids *also*."""
    news = or_(Loop.updated_at >= since, Loop.id.in_(also))
    going = or_(Run.state.in_(IN_FLIGHT), Loop.route_intent.is_not(None), news)
    return await _declared(session, going)


async def _declared(session: AsyncSession, which: Any) -> dict[str, DeclaredLoop]:
    statement = select(Loop, Run).outerjoin(Run, NEWEST).where(OWNED, which).options(*NEEDLESS)
    rows: list[Any] = [tuple(row) for row in (await session.execute(statement)).all()]
    digests = await _digests(session, [loop.id for loop, _ in rows]) if rows else {}
    made = [DeclaredLoop(loop, run, digests.get(loop.id)) for loop, run in rows]
    return {item.uid: item for item in made}


async def _digests(session: AsyncSession, ids: list[int]) -> dict[int, str | None]:
    champions = and_(Run.loop_id == Loop.id, Run.version == Loop.champion)
    statement = select(Loop.id, Run.digest).join(Run, champions).where(OWNED)
    if len(ids) < 100:
        statement = statement.where(Loop.id.in_(ids))
    return {row[0]: row[1] for row in (await session.execute(statement)).all()}


async def loop(session: AsyncSession, loop_id: int) -> Loop:
    """The loop with an id that is known."""
    return await session.get_one(Loop, loop_id)
