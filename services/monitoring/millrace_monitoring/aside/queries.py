"""SQL of what is set aside."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.database import FAILURES, is_away, utcnow
from millrace_monitoring.aside.tables import SetAside

LONGEST = 2000


@dataclass(frozen=True)
class Broken:
    """A decision that could not be told: its number, whose it is where that can be read, and why."""

    number: int
    why: str
    project: str = ""
    loop: str = ""


async def put(session: AsyncSession, broken: Iterable[Broken]) -> None:
    """Keep that these could not be told."""
    for one in broken:
        kept = {"project": one.project, "loop": one.loop, "why": one.why[:LONGEST]}
        await session.merge(SetAside(number=one.number, at=utcnow(), **kept))


async def waiting(session: AsyncSession, project: str | None = None) -> list[SetAside]:
    """What is set aside, of a project or of all, in the order of the chain."""
    statement = select(SetAside).order_by(SetAside.number)
    if project is not None:
        statement = statement.where(SetAside.project == project)
    return list((await session.scalars(statement)).all())


async def take_back(session: AsyncSession, number: int) -> bool:
    """It is to be read again; False if another process has taken it."""
    done = await session.execute(delete(SetAside).where(SetAside.number == number))
    return done.rowcount == 1  # type: ignore[attr-defined, no-any-return]


def may_pass(error: Exception) -> bool:
    """Whether it lies with a database that is away, and not with what was read: another try may do better."""
    return isinstance(error, FAILURES) and is_away(error)
