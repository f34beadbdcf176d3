"""Brings into the ledger what was there before it covered it; marked, because it is only as good as that day.

Some pages in each transaction: what is in stays in if this process ends, and the next one goes on behind it. Millions
of rows hold neither the ledger nor the database's log for as long as all of them take.
"""

from dataclasses import dataclass
from typing import Any

from millrace_core.database import AsyncSession
from millrace_core.ledger import queries
from millrace_core.ledger.tables import Cover, covers
from millrace_core.log import log

PAGES = 10
"""Pages of one transaction."""


@dataclass(frozen=True)
class Place:
    """How far a table is brought in: behind which key it goes on, and how many entries the ledger had then."""

    after: tuple[Any, ...] | None
    entries: int
    done: bool = False
    rows: int = 0


async def take_over(sessions: Any, ledger: Any) -> dict[str, int]:
    """Bring in all kinds that are not in yet. Returns: how many rows of each kind that is complete from now on."""
    taken = {}
    for found in covers(ledger):
        place: Place | None = None
        while place is None or not place.done:
            async with sessions.begin() as session:
                if place is None and await queries.is_taken_over(session, found):
                    break
                place = await _some(session, found, place)
            if place.done:
                taken[found.kind] = place.rows
                if place.rows:
                    log.info("rows of before are in the ledger", kind=found.kind, rows=place.rows)
    return taken


async def _some(session: AsyncSession, found: Cover, place: Place | None) -> Place:
    """One transaction's part. Where another process has added something meanwhile, it is asked how far that came."""
    await queries.turn(session)
    entries = (await queries.head(session, found.ledger)).number
    if place is None or place.entries != entries:
        if await queries.is_taken_over(session, found):
            return Place(None, entries, True, await queries.brought_in(session, found))
        place = Place(await queries.reached(session, found), entries)
    after = place.after
    for _ in range(PAGES):
        page = await queries.take(session, found, after)
        if not page:
            rows = await queries.brought_in(session, found)
            queries.mark(session, found.ledger, found.kind, rows)
            return Place(after, entries, True, rows)
        entries, after = entries + len(page), page[-1]
    return Place(after, entries)
