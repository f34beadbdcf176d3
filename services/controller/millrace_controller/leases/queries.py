"""SQL of leases. Time is the database's, so replicas need not agree on theirs."""

from typing import Any

from sqlalchemy import Double, func, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_controller.tables import Lease

CLOCKS = {
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "EXTRACT(EPOCH FROM clock_timestamp())::double precision",
}
"""Seconds since 1970 by the database's clock."""
INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def _dialect(session: AsyncSession) -> str:
    return session.get_bind().dialect.name


def _now(session: AsyncSession) -> Any:
    return literal_column(CLOCKS[_dialect(session)], Double)


async def take(session: AsyncSession, name: str, holder: str, seconds: float) -> int | None:
    """Take a lease that is free, has run out, or was *holder*'s in an earlier life; returns its new epoch."""
    until = _now(session) + seconds
    insert = INSERTS[_dialect(session)](Lease).values(name=name, holder=holder, epoch=1, expires_at=until)
    free = (Lease.expires_at < _now(session)) | (Lease.holder == holder)
    changed = {"holder": holder, "epoch": Lease.epoch + 1, "expires_at": until}
    statement = insert.on_conflict_do_update(index_elements=[Lease.name], set_=changed, where=free)
    return (await session.execute(statement.returning(Lease.epoch))).scalar_one_or_none()


async def renew(session: AsyncSession, name: str, epoch: int, seconds: float) -> bool:
    """Hold on to a lease; False if somebody else took it."""
    return await _change(session, name, epoch, _now(session) + seconds)


async def release(session: AsyncSession, name: str, epoch: int) -> bool:
    """Leave a lease to whoever asks next."""
    return await _change(session, name, epoch, literal_column("0", Double))


async def _change(session: AsyncSession, name: str, epoch: int, expires_at: Any) -> bool:
    mine = (Lease.name == name, Lease.epoch == epoch)
    result = await session.execute(update(Lease).where(*mine).values(expires_at=expires_at))
    return bool(result.rowcount)  # type: ignore[attr-defined]


async def holds(session: AsyncSession, name: str, epoch: int, lock: bool = False) -> bool:
    """Whether *epoch* is the newest; *lock*: and stays so until this transaction is over."""
    statement = select(Lease.epoch).where(Lease.name == name, Lease.epoch == epoch)
    if lock:
        statement = statement.with_for_update(read=True)
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def read(session: AsyncSession, name: str) -> tuple[str, int, float] | None:
    """(holder, epoch, seconds that are left) of a lease."""
    statement = select(Lease.holder, Lease.epoch, func.round(Lease.expires_at - _now(session)))
    row = (await session.execute(statement.where(Lease.name == name))).one_or_none()
    return None if row is None else (row[0], row[1], row[2])
