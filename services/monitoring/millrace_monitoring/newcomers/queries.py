"""SQL of new classes: each name has one number an endpoint, from 1 on; nothing is renamed or numbered anew."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.ledger.queries import touch
from millrace_monitoring.newcomers.tables import NumberedClass

NEWS = "multiclass"
"""The one task whose classes may become more."""
MOST = 100_000
"""New classes of one endpoint that are told apart; labels of more are refused: so many names are no classes."""
CHUNK = 500


async def numbered(
    session: AsyncSession, project: str, endpoint: str, names: Iterable[str]
) -> dict[str, int]:
    """The number of each name, given now if it has none; names beyond MOST are left out.

    The monitor must be locked: numbers follow each other.
    """
    wanted = sorted(set(names))
    found = await known(session, project, endpoint, wanted)
    new = [name for name in wanted if name not in found]
    if not new:
        return found
    count = await session.scalar(
        select(func.count()).select_from(NumberedClass).where(*_of(project, endpoint))
    )
    first = (count or 0) + 1
    given = {name: first + place for place, name in enumerate(new[: max(0, MOST + 1 - first)])}
    where = {"project": project, "endpoint": endpoint}
    rows = [where | {"number": number, "name": name} for name, number in given.items()]
    if rows:
        await session.execute(insert(NumberedClass), rows)
    for number in given.values():
        touch(session, NumberedClass, project, endpoint, number)
    return found | given


async def known(session: AsyncSession, project: str, endpoint: str, names: Sequence[str]) -> dict[str, int]:
    """The numbers of those of these names that have one."""
    found: dict[str, int] = {}
    for begin in range(0, len(names), CHUNK):
        where = (*_of(project, endpoint), NumberedClass.name.in_(names[begin : begin + CHUNK]))
        rows = await session.execute(select(NumberedClass.name, NumberedClass.number).where(*where))
        found |= dict(rows.tuples().all())
    return found


async def names_of(
    session: AsyncSession, project: str, endpoint: str, values: Iterable[float]
) -> dict[float, str]:
    """The names of the new classes among the *values* of labels; other values are none."""
    below = sorted({int(-value) for value in values if -MOST <= value < 0 and value == int(value)})
    some = select(NumberedClass.number).where(*_of(project, endpoint)).limit(1)
    if not below or await session.scalar(some) is None:
        return {}
    found: dict[float, str] = {}
    for begin in range(0, len(below), CHUNK):
        where = (*_of(project, endpoint), NumberedClass.number.in_(below[begin : begin + CHUNK]))
        rows = await session.execute(select(NumberedClass.number, NumberedClass.name).where(*where))
        found |= {-float(number): name for number, name in rows}
    return found


def _of(project: str, endpoint: str) -> tuple[Any, ...]:
    return NumberedClass.project == project, NumberedClass.endpoint == endpoint
