"""Decisions leave with the change they describe: a row in its transaction, delivered until it arrives."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Integer, String, Text, event, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from millrace.transport.errors import ApiError
from millrace_contracts.bodies import Document
from millrace_contracts.decisions import Decision
from millrace_core.database import UtcDateTime, utcnow
from millrace_core.log import log
from millrace_core.reconcile import run_forever
from millrace_core.services import Services

BATCH = 100
WAKE = "outbox"
"""Under this name a session knows whom to wake when a decision is committed."""
CAUSE_SECONDS, HELD_SECONDS = 60.0, 0.2
"""How long a decision waits for its cause to be in the chain, at most; seconds between two tries meanwhile."""
CAUSE_MISSING = 424


class OutboxMixin:
    """Columns of a service's outbox: `class Outbox(OutboxMixin, Table)` in its `tables.py`."""

    __tablename__ = "outbox"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(36), unique=True)
    project: Mapped[str] = mapped_column(String(63))
    body: Mapped[Document] = mapped_column(JSON)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    refused: Mapped[str | None] = mapped_column(Text)


async def decide(session: AsyncSession, table: Any, decision: Decision) -> None:
    """Write *decision* into the outbox *table*; a second one with the same id changes nothing."""
    earlier = await session.scalar(select(table.number).where(table.id == decision.id))
    if earlier is None:
        body = decision.model_dump(mode="json")
        session.add(table(id=decision.id, project=decision.project, body=body, recorded_at=utcnow()))
        await session.flush()
        wake = session.info.get(WAKE)
        if wake is not None:
            event.listen(session.sync_session, "after_commit", lambda _: wake.set())


class Patience:
    """Since when each decision waits for its cause: a cause that is lost keeps nothing back for ever."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}

    def over(self, decision: str) -> bool:
        """Whether *decision* has waited long enough."""
        since = self._since.get(decision)
        return since is not None and self._clock() - since >= CAUSE_SECONDS

    def hold(self, decision: str) -> None:
        """It waits, from the first time on that this is said."""
        self._since.setdefault(decision, self._clock())

    def end(self, decision: str) -> None:
        """It has been sent."""
        self._since.pop(decision, None)

    @property
    def waiting(self) -> bool:
        """Whether any decision is waiting."""
        return bool(self._since)


async def deliver(services: Services, table: Any, patience: Patience | None = None) -> int:
    """Send what is waiting to the registry, in order; returns how many arrived.

    A decision follows its cause, also one that another service has yet to tell; until then it and what comes after it
    in its loop stay here, as long as *patience* lasts (None: for ever).
    """
    async with services.readers() as session:
        waiting = select(table).where(table.delivered_at.is_(None)).order_by(table.number).limit(BATCH)
        rows = list((await session.scalars(waiting)).all())
    held: set[tuple[str, str]] = set()
    arrived = 0
    for row in rows:
        place = (row.project, row.body["loop"])
        if place in held:
            continue
        if await _deliver(services, table, row, patience or Patience()):
            arrived += 1
        else:
            held.add(place)
    return arrived


async def _deliver(services: Services, table: Any, row: Any, patience: Patience) -> bool:
    """Send one decision; False if its cause is to be waited for."""
    refused, after_cause = None, not patience.over(row.id)
    try:
        await services.clients.registry.record_as_written(row.body, after_cause, project=row.project)
    except ApiError as error:
        if error.status == CAUSE_MISSING:
            patience.hold(row.id)
            return False
        if error.status not in (409, 422):
            raise
        refused = str(error)
        log.error("the registry refused a decision", decision=row.id, error=refused)
    patience.end(row.id)
    async with services.sessions.begin() as session:
        change = update(table).where(table.number == row.number)
        await session.execute(change.values(delivered_at=utcnow(), refused=refused))
    return True


def deliver_forever(table: Any) -> Any:
    """A background task for `create_app` that keeps delivering the outbox *table*.

    What this process commits goes at once; what another replica left is found every few seconds.
    """

    async def task(services: Services) -> None:
        wake, every, patience = asyncio.Event(), services.settings.decision_seconds, Patience()

        async def once() -> None:
            await deliver(services, table, patience)
            if patience.waiting:
                asyncio.get_running_loop().call_later(HELD_SECONDS, wake.set)

        services.known[WAKE] = wake
        services.sessions.configure(info=services.known)
        await run_forever("outbox", once, every=every, wake=wake)

    return task
