"""Decisions leave with the change they describe: a row in its transaction, delivered until it arrives."""

import asyncio
from datetime import datetime
from typing import Any

from fastapi import FastAPI
from sqlalchemy import JSON, Integer, String, Text, event, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from millrace.client.transport import ApiError
from millrace.decisions import Decision
from millrace_core.database import UtcDateTime, utcnow
from millrace_core.log import log
from millrace_core.reconcile import run_forever
from millrace_core.services import Services, of

BATCH = 100
WAKE = "outbox"
"""Under this name a session knows whom to wake when a decision is committed."""


class OutboxMixin:
    """Columns of a service's outbox: `class Outbox(OutboxMixin, Table)` in its `tables.py`."""

    __tablename__ = "outbox"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(36), unique=True)
    project: Mapped[str] = mapped_column(String(63))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    refused: Mapped[str | None] = mapped_column(Text)


async def decide(session: AsyncSession, table: Any, decision: Decision) -> None:
    """Write *decision* into the outbox *table*; a second one with the same id changes nothing."""
    known = await session.scalar(select(table.number).where(table.id == decision.id))
    if known is None:
        body = decision.model_dump(mode="json")
        session.add(table(id=decision.id, project=decision.project, body=body, recorded_at=utcnow()))
        await session.flush()
        wake = session.info.get(WAKE)
        if wake is not None:
            event.listen(session.sync_session, "after_commit", lambda _: wake.set())


async def deliver(services: Services, table: Any) -> int:
    """Send what is waiting to the registry, in order; returns how many arrived."""
    async with services.readers() as session:
        waiting = select(table).where(table.delivered_at.is_(None)).order_by(table.number).limit(BATCH)
        rows = list((await session.scalars(waiting)).all())
    for row in rows:
        await _deliver(services, table, row)
    return len(rows)


async def _deliver(services: Services, table: Any, row: Any) -> None:
    refused = None
    try:
        await services.apis.registry.post("/v1/decisions", json=row.body, project=row.project)
    except ApiError as error:
        if error.status not in (409, 422):
            raise
        refused = str(error)
        log.error("the registry refused a decision", decision=row.id, error=refused)
    async with services.sessions.begin() as session:
        change = update(table).where(table.number == row.number)
        await session.execute(change.values(delivered_at=utcnow(), refused=refused))


def deliver_forever(table: Any) -> Any:
    """A background task for `create_app` that keeps delivering the outbox *table*.

    What this process commits goes at once; what another replica left is found every few seconds.
    """

    async def task(service: Services | FastAPI) -> None:
        services = of(service) if isinstance(service, FastAPI) else service
        wake, every = asyncio.Event(), services.settings.decision_seconds
        services.sessions.configure(info={WAKE: wake})
        await run_forever("outbox", lambda: deliver(services, table), every=every, wake=wake)

    return task
