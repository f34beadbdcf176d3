"""SQL of decisions: appended under one lock, chained by hash, and never changed."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from millrace.decisions import Decision
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_registry.tables import DecisionRow

GENESIS = "sha256:" + "0" * 64
LOCK = 7_236_518_202
"""PostgreSQL advisory lock under which decisions get their place in the chain."""
NOT_IN_DIGEST = {"id", "measured", "cause", "reason", "author"}


def canonical(decision: Decision) -> str:
    """The text that is hashed and kept."""
    return json.dumps(decision.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)


def chained(previous: str, number: int, recorded_at: str, author: str, body: str) -> str:
    """Hash of one link: of everything in the row and the link before it."""
    content = "\n".join((previous, str(number), recorded_at, author, body))
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


async def append(session: AsyncSession, decision: Decision, author: str) -> tuple[DecisionRow, bool]:
    """Add a decision to the chain; the same one again changes nothing.

    Returns: the row, and whether it is new. Raises: Conflict if the id is known with other content.
    """
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    body = canonical(decision)
    found = (await session.scalars(select(DecisionRow).where(DecisionRow.id == decision.id))).one_or_none()
    if found is not None:
        if found.body != body:
            raise Conflict(f"The decision {decision.id} is already recorded with other content.")
        return found, False
    last = (
        await session.scalars(select(DecisionRow).order_by(DecisionRow.number.desc()).limit(1))
    ).one_or_none()
    previous, number = (last.hash, last.number + 1) if last else (GENESIS, 1)
    now = utcnow()
    facts = decision.model_dump(include={"id", "project", "loop", "run", "kind", "event_time", "cause"})
    made = DecisionRow(
        number=number, body=body, author_service=author, recorded_at=now, previous=previous,
        hash=chained(previous, number, now.isoformat(), author, body), **facts,
    )  # fmt: skip
    session.add(made)
    await session.flush()
    return made, True


async def get(session: AsyncSession, project: str, decision: str) -> DecisionRow:
    """One decision. Raises NotFound."""
    found = (await session.scalars(select(DecisionRow).where(DecisionRow.id == decision))).one_or_none()
    if found is None or found.project != project:
        raise NotFound(f"There is no decision {decision} in the project {project}.")
    return found


async def caused_by(session: AsyncSession, decision: str) -> list[DecisionRow]:
    """What followed from a decision, in order."""
    statement = select(DecisionRow).where(DecisionRow.cause == decision).order_by(DecisionRow.number)
    return list((await session.scalars(statement)).all())


async def page(
    session: AsyncSession, project: str, after: int, limit: int, **equal: str | int | None
) -> list[DecisionRow]:
    """Decisions in the order of the chain, filtered by the columns in *equal* that are not None."""
    statement = select(DecisionRow).where(DecisionRow.project == project, DecisionRow.number > after)
    for column, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(DecisionRow, column) == value)
    return list((await session.scalars(statement.order_by(DecisionRow.number).limit(limit + 1))).all())


async def chain(session: AsyncSession) -> AsyncIterator[DecisionRow]:
    """All links, in order, a thousand at a time."""
    after = 0
    while rows := (await session.scalars(_links(after))).all():
        for row in rows:
            yield row
        after = rows[-1].number
        session.expunge_all()


def _links(after: int) -> Any:
    return select(DecisionRow).where(DecisionRow.number > after).order_by(DecisionRow.number).limit(1000)


async def verify(session: AsyncSession) -> dict[str, Any]:
    """Recompute the chain: whether it holds, how long it is, its head, and the first link that does not fit."""
    previous, count = GENESIS, 0
    async for row in chain(session):
        count += 1
        expected = chained(previous, count, row.recorded_at.isoformat(), row.author_service, row.body)
        if row.number != count or row.previous != previous or row.hash != expected or not _agrees(row):
            return {"ok": False, "count": count, "head": previous, "first_bad": row.number}
        previous = row.hash
    return {"ok": True, "count": count, "head": previous, "first_bad": None}


def _agrees(row: DecisionRow) -> bool:
    """Whether the columns used for searching say what the hashed text says."""
    body = Decision.model_validate_json(row.body)
    columns = ("id", "project", "loop", "run", "kind", "event_time", "cause")
    return all(getattr(row, column) == getattr(body, column) for column in columns)


async def digest(session: AsyncSession, project: str, loop: str | None) -> dict[str, Any]:
    """SHA-256 over what a replay reproduces of the decisions, in the order of event time, kind and subject."""
    parts = []
    after = 0
    while rows := await page(session, project, after, 1000, loop=loop):
        for row in rows[:1000]:
            body = json.loads(row.body)
            parts.append({name: value for name, value in body.items() if name not in NOT_IN_DIGEST})
        after = rows[:1000][-1].number
    lines = sorted(json.dumps(part, sort_keys=True) for part in parts)
    return {"digest": "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest(), "count": len(lines)}


def read(row: DecisionRow) -> dict[str, Any]:
    """A decision as JSON shows it."""
    chain_facts = {
        "number": row.number,
        "recorded_at": row.recorded_at,
        "hash": row.hash,
        "previous": row.previous,
    }
    return json.loads(row.body) | chain_facts
