"""SQL of the audit: signed heads, how far the other services are, and versions as they stand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.audit import AuditHead
from millrace_core.ledger import queries as ledger
from millrace_core.ledger.chain import document
from millrace_core.ledger.queries import raw
from millrace_registry.tables import DatasetVersion, DecisionRow, LedgerRow, ModelVersion, SignedHeadRow

LOCK = 7_236_518_214
"""PostgreSQL advisory lock under which a statement gets its number."""
HEAD = "head"
"""Kind of the entries with which other services say how far their ledgers are."""
VERSIONS = 5
"""Versions whose bytes are read in one part."""


async def alone(session: AsyncSession) -> None:
    """Nobody else signs until this transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))


async def decisions(session: AsyncSession) -> AuditHead | None:
    """How far the chain of decisions is; None while it is empty."""
    newest = select(DecisionRow.number, DecisionRow.hash).order_by(DecisionRow.number.desc()).limit(1)
    found = (await session.execute(newest)).one_or_none()
    return None if found is None else AuditHead(count=found[0], head=found[1])


async def decision_hashes(session: AsyncSession, numbers: Sequence[int]) -> dict[str, str]:
    """The hashes of some decisions, by number."""
    found = await session.execute(
        raw((DecisionRow.number, DecisionRow.hash)).where(DecisionRow.number.in_(numbers))
    )
    return {str(number): str(value) for number, value in found}


async def told(session: AsyncSession, service: str) -> AuditHead | None:
    """How far a service's ledger was when it said so last."""
    mine = (LedgerRow.kind == HEAD, LedgerRow.key.startswith(f"{service} "))
    newest = select(LedgerRow.key, LedgerRow.digest).where(*mine).order_by(LedgerRow.number.desc()).limit(1)
    found = (await session.execute(newest)).one_or_none()
    return None if found is None else AuditHead(count=int(found[0].split()[1]), head=found[1])


async def tell(session: AsyncSession, service: str, head: AuditHead) -> None:
    """Write down how far a service's ledger is: this one's chain witnesses it from then on."""
    if await told(session, service) != head:
        ledger.enter(session, LedgerRow, HEAD, "", f"{service} {head.count}", head.head)


async def newest(session: AsyncSession, limit: int, after: int = 0) -> list[SignedHeadRow]:
    """The newest signed heads behind the number *after*, oldest first."""
    mine = select(SignedHeadRow).where(SignedHeadRow.number > after).order_by(SignedHeadRow.number.desc())
    return list((await session.scalars(mine.limit(limit))).all())[::-1]


async def waiting(session: AsyncSession) -> list[SignedHeadRow]:
    """Signed heads that have not reached every place outside, oldest first."""
    mine = select(SignedHeadRow).where(SignedHeadRow.exported_at.is_(None))
    return list((await session.scalars(mine.order_by(SignedHeadRow.number).limit(100))).all())


async def exported(session: AsyncSession, number: int, at: datetime) -> None:
    """It has reached every place."""
    await session.execute(update(SignedHeadRow).where(SignedHeadRow.number == number).values(exported_at=at))


async def releases(session: AsyncSession, after: Sequence[int] | None) -> list[tuple[int, int, str, Any]]:
    """Model versions behind (model, number): model, number, digest and body as they stand."""
    return await _versions(session, ModelVersion, (ModelVersion.model_id, ModelVersion.number), after)


async def data(session: AsyncSession, after: Sequence[int] | None) -> list[tuple[int, int, str, Any]]:
    """Likewise dataset versions."""
    return await _versions(session, DatasetVersion, (DatasetVersion.dataset_id, DatasetVersion.number), after)


async def _versions(
    session: AsyncSession, table: Any, keys: tuple[Any, Any], after: Sequence[int] | None
) -> list[tuple[int, int, str, Any]]:
    statement = raw((*keys, table.digest, table.body)).order_by(*keys).limit(VERSIONS)
    if after is not None:
        statement = statement.where(tuple_(*keys) > tuple_(*after))
    rows = await session.execute(statement)
    return [(owner, number, str(digest), document(body)) for owner, number, digest, body in rows]
