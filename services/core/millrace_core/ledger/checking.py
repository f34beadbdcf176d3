"""Looks over a ledger and what it covers, a part at a time: nothing is kept in memory between two parts."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from millrace_contracts.audit import AuditFinding, AuditPart
from millrace_core.database import FAILURES, AsyncSession, is_away
from millrace_core.errors import BadInput
from millrace_core.ledger import queries
from millrace_core.ledger.chain import Head, follow
from millrace_core.ledger.tables import Cover, covers
from millrace_core.log import log

UNREADABLE = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError)
"""What looking at something raises that was never written by us."""
LINKS = 20_000
"""Entries of a chain that one part looks over."""


@dataclass(frozen=True)
class Looked:
    """What one look found: how many it looked at, the rows that do not hold, and where to go on (None: done)."""

    checked: int
    faults: list[tuple[str, str]] = field(default_factory=list)
    at: Any = None
    taken_over: dict[str, datetime] = field(default_factory=dict)


Look = Callable[[Any, AsyncSession, Any], Awaitable[Looked]]
"""Looks over the next piece, with the service's `Services`, from where it is told (None: the beginning)."""
Stage = tuple[str, Look]


def stages(ledger: Any, more: Sequence[Stage] = ()) -> list[Stage]:
    """All that is looked over of a service, in order: its chain, every covered table, and what it has besides."""

    async def links(_: Any, session: AsyncSession, at: Any) -> Looked:
        head = Head(*at) if at else Head()
        found = await queries.links(session, ledger, head.number, LINKS)
        after, faults = await asyncio.to_thread(follow, found, head)
        named = [(f"ledger entry {number}", words) for number, words in faults]
        further = [after.number, after.hash] if len(found) == LINKS else None
        return Looked(len(found), named, further, {} if at else await queries.taken_over(session, ledger))

    return [("ledger", links), *((item.name, _rows_of(item)) for item in covers(ledger)), *more]


def _rows_of(cover: Cover) -> Look:
    async def look(_: Any, session: AsyncSession, at: Any) -> Looked:
        if at is None or at[0] == "rows":
            return await _rows(session, cover, None if at is None else at[1])
        return await _entries(session, cover, at[1])

    return look


async def _rows(session: AsyncSession, cover: Cover, after: Any) -> Looked:
    if after is not None and not (isinstance(after, list) and len(after) == len(cover.keys)):
        raise BadInput("The cursor is not one that a verification gave.")
    found = await queries.rows(session, cover, after)
    faults = [
        (_named(cover, key), "it was never entered" if said is None else "it is not as it was entered")
        for key, digest, said in found
        if digest != said
    ]
    last = list(found[-1][0]) if found else None
    return Looked(len(found), faults, ["rows", last] if len(found) == queries.PAGE else ["entries", ""])


async def _entries(session: AsyncSession, cover: Cover, after: str) -> Looked:
    found = await queries.entered(session, cover, after)
    faults = [(_named_by(cover, key), "it was entered, and is gone") for key, there in found if not there]
    return Looked(0, faults, ["entries", found[-1][0]] if len(found) == queries.PAGE else None)


def _named(cover: Cover, key: Sequence[Any]) -> str:
    places = ", ".join(f"{name}={value}" for name, value in zip(cover.keys, key, strict=True))
    return f"{cover.name} {places}"


def _named_by(cover: Cover, key: str) -> str:
    """The same by what stands in the ledger, whatever stands there."""
    try:
        return _named(cover, json.loads(key))
    except (ValueError, TypeError):
        return f"{cover.name} {key[:100]}"


async def part(
    services: Any, session: AsyncSession, service: str, plan: Sequence[Stage], cursor: str | None
) -> AuditPart:
    """The next part, and the cursor of the one behind it. Raises: BadInput for a cursor that is none of these.

    What stands in a database may have been made so that looking at it fails: that is found too, and the rest looked at.
    """
    place, at = _cursor(cursor, len(plan))
    name, look = plan[place]
    try:
        looked = await look(services, session, at)
    except (*UNREADABLE, *FAILURES) as error:
        if isinstance(error, FAILURES) and is_away(error):
            raise
        log.exception("what an audit looks over cannot be read", stage=name)
        looked = Looked(0, [(name, f"what stands here cannot be read ({type(error).__name__})")])
    following = (place, looked.at) if looked.at is not None else (place + 1, None)
    return AuditPart(
        stage=name,
        checked=looked.checked,
        findings=[AuditFinding(service=service, row=row, problem=words) for row, words in looked.faults],
        next=json.dumps(following) if following[0] < len(plan) else None,
        taken_over=looked.taken_over,
    )


def _cursor(cursor: str | None, count: int) -> tuple[int, Any]:
    if cursor is None:
        return 0, None
    try:
        place, at = json.loads(cursor)
        if type(place) is not int or not 0 <= place < count:
            raise ValueError
    except (ValueError, TypeError, RecursionError) as error:
        raise BadInput("The cursor is not one that a verification gave.") from error
    return place, at
