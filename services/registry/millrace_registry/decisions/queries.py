"""SQL of decisions: appended under one lock, and never changed."""

import asyncio
from collections.abc import Collection

import orjson
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.decisions import ChainVerification, Decision, DecisionDigest, DecisionRead
from millrace_contracts.overviews import DecisionGlance
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, MillraceError, NotFound
from millrace_core.ledger.chain import Head, moment
from millrace_core.ledger.queries import raw
from millrace_registry.decisions.chain import SEARCHED, Stored, canonical, follow, link, replayed, sha256
from millrace_registry.tables import DecisionRow

LOCK = 7_236_518_202
"""PostgreSQL advisory lock under which decisions get their place in the chain."""
BATCH = 1000
VERIFIED = 5000
"""Decisions that are looked over at once."""
OF_LINE = (
    DecisionRow.id, DecisionRow.loop, DecisionRow.kind, DecisionRow.body, DecisionRow.event_time,
    DecisionRow.recorded_at,
)  # fmt: skip


class CauseMissing(MillraceError):
    """The decision is to follow its cause, and that is not in the chain yet."""

    status, title = 424, "Its cause is not there yet"


async def append(
    session: AsyncSession, decision: Decision, author: str, after_cause: bool = False
) -> tuple[DecisionRow, bool]:
    """Add a decision to the chain; the same one again changes nothing.

    Args:
        after_cause: refuse it as long as its cause is not in the chain.
    Returns: the row, and whether it is new. Raises: Conflict if the id is known with other content; CauseMissing.
    """
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    body, found = canonical(decision), await _find(session, decision.id)
    if found is not None:
        if found.body != body:
            raise Conflict(f"The decision {decision.id} is already recorded with other content.")
        return found, False
    if after_cause and decision.cause is not None and await _find(session, decision.cause) is None:
        raise CauseMissing(f"The decision {decision.cause}, which led to {decision.id}, is not recorded yet.")
    head, now = await _head(session), utcnow()
    next_one = link(head, now.isoformat(), author, body)
    made = DecisionRow(
        number=next_one.number, hash=next_one.hash, previous=head.hash, body=body, author_service=author,
        recorded_at=now, **decision.model_dump(include=set(SEARCHED)),
    )  # fmt: skip
    session.add(made)
    await session.flush()
    return made, True


async def _find(session: AsyncSession, decision: str) -> DecisionRow | None:
    return (await session.scalars(select(DecisionRow).where(DecisionRow.id == decision))).one_or_none()


async def _head(session: AsyncSession) -> Head:
    newest = select(DecisionRow.number, DecisionRow.hash).order_by(DecisionRow.number.desc()).limit(1)
    found = (await session.execute(newest)).one_or_none()
    return Head(*found) if found else Head()


async def get(session: AsyncSession, project: str, decision: str) -> DecisionRow:
    """One decision. Raises NotFound."""
    row = await _find(session, decision)
    if row is None or row.project != project:
        raise NotFound(f"There is no decision {decision} in the project {project}.")
    return row


async def caused_by(session: AsyncSession, project: str, decision: str) -> list[DecisionRow]:
    """What followed from a decision, in order."""
    mine = (DecisionRow.project == project, DecisionRow.cause == decision)
    return list((await session.scalars(select(DecisionRow).where(*mine).order_by(DecisionRow.number))).all())


async def page(
    session: AsyncSession,
    project: str,
    after: int,
    limit: int,
    *,
    newest: bool = False,
    **equal: str | int | None,
) -> list[DecisionRow]:
    """Decisions behind *after* in the order of the chain, or the *newest* first (0: from its end).

    Filtered by the columns in *equal* that are not None.
    """
    number = DecisionRow.number
    behind, order = (number < after, number.desc()) if newest else (number > after, number.asc())
    statement = select(DecisionRow).where(DecisionRow.project == project)
    if after:
        statement = statement.where(behind)
    for column, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(DecisionRow, column) == value)
    return list((await session.scalars(statement.order_by(order).limit(limit + 1))).all())


async def feed(session: AsyncSession, after: int | None, limit: int) -> tuple[list[DecisionRow], int]:
    """Decisions of all projects behind *after* in the order of the chain, and the number to go on behind.

    None: no decision, and the number of the last one there is.
    """
    if after is None:
        return [], (await _head(session)).number
    behind = select(DecisionRow).where(DecisionRow.number > after).order_by(DecisionRow.number).limit(limit)
    rows = list((await session.scalars(behind)).all())
    return rows, rows[-1].number if rows else after


async def latest(session: AsyncSession, project: str, loops: Collection[str]) -> list[DecisionGlance]:
    """The newest decision of each of these loops that has one, by loop."""
    mine = (DecisionRow.project == project, DecisionRow.loop.in_(loops))
    newest = select(func.max(DecisionRow.number)).where(*mine).group_by(DecisionRow.loop)
    statement = select(*OF_LINE).where(DecisionRow.number.in_(newest)).order_by(DecisionRow.loop)
    return [
        DecisionGlance(
            id=id,
            loop=loop,
            kind=kind,
            outcome=orjson.loads(body)["outcome"],
            event_time=at,
            recorded_at=recorded,
        )
        for id, loop, kind, body, at, recorded in (await session.execute(statement)).tuples()
    ]


async def verify(session: AsyncSession, earlier: Head | None = None) -> ChainVerification:
    """Recompute the chain; with an *earlier* head, also whether the chain still leads through it.

    Returns: whether it holds, the last link that fits, and the first that does not.
    """
    head, bad, passed = Head(), None, earlier in (None, Head())
    while rows := await stored(session, head.number if head.number else None, VERIFIED):
        until = [row for row in rows if earlier is not None and row.number <= earlier.number]
        head, bad = await asyncio.to_thread(follow, until, head)
        passed = passed or head == earlier
        if bad is None:
            head, bad = await asyncio.to_thread(follow, rows[len(until) :], head)
        if bad is not None:
            break
    if bad is None and not passed:
        bad = earlier.number if earlier and earlier.number <= head.number else head.number + 1
    return ChainVerification(ok=bad is None, count=head.number, head=head.hash, first_bad=bad)


async def stored(session: AsyncSession, after: int | None, limit: int) -> list[Stored]:
    """Decisions behind the number *after* (None: from the first) as the database holds them."""
    names = ("number", "recorded_at", "author_service", "body", "previous", "hash", *SEARCHED)
    statement = raw(getattr(DecisionRow, name) for name in names).order_by(DecisionRow.number).limit(limit)
    if after is not None:
        statement = statement.where(DecisionRow.number > after)
    rows = await session.execute(statement)
    return [
        Stored(number, moment(at), author, body, previous, hash_, tuple(searched))
        for number, at, author, body, previous, hash_, *searched in rows
    ]


async def digest(session: AsyncSession, project: str, loop: str | None) -> DecisionDigest:
    """SHA-256 over what a replay reproduces of the decisions, whatever the order in which they were told."""
    lines: list[str] = []
    after = 0
    while rows := (await page(session, project, after, BATCH, loop=loop))[:BATCH]:
        lines += await asyncio.to_thread(replayed, rows)
        after = rows[-1].number
    return DecisionDigest(digest=sha256("\n".join(sorted(lines))), count=len(lines))


def read(row: DecisionRow) -> DecisionRead:
    """A decision as JSON shows it."""
    place = {"number": row.number, "recorded_at": row.recorded_at, "hash": row.hash, "previous": row.previous}
    return DecisionRead.model_validate(orjson.loads(row.body) | place)
