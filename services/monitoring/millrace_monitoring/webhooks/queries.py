"""SQL of webhooks and of the messages on their way."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.decisions import decision_id
from millrace_core import pauses
from millrace_core.database import utcnow
from millrace_core.errors import NotFound
from millrace_monitoring.tables import Delivery, Webhook

ATTEMPTS = 12
"""Tries before a message is given up: with doubling waits, about an hour and a half."""


async def put(session: AsyncSession, project: str, name: str, url: str, events: Sequence[str]) -> Webhook:
    hook = await session.merge(Webhook(project=project, name=name, url=url, events=list(events)))
    await session.flush()
    return hook


async def get(session: AsyncSession, project: str, name: str) -> Webhook:
    hook = await session.get(Webhook, (project, name))
    if hook is None:
        raise NotFound(f"There is no webhook '{name}'.")
    return hook


async def every(session: AsyncSession, project: str) -> list[Webhook]:
    return list(
        (
            await session.scalars(select(Webhook).where(Webhook.project == project).order_by(Webhook.name))
        ).all()
    )


async def remove(session: AsyncSession, project: str, name: str) -> None:
    """Forget a webhook and what waits for it (NotFound)."""
    await session.delete(await get(session, project, name))
    waiting = (Delivery.project == project, Delivery.webhook == name, Delivery.done.is_(False))
    await session.execute(delete(Delivery).where(*waiting))


async def announce(
    session: AsyncSession, project: str, event: str, id: str, body: Mapping[str, object]
) -> None:
    """Put one message for each webhook that wants *event* behind the others, in this transaction."""
    for hook in await every(session, project):
        if event in hook.events:
            key = decision_id(project, hook.name, event, id, None)
            message = {"id": key, "event": event, "project": project, **body}
            await session.merge(
                Delivery(
                    id=key,
                    project=project,
                    webhook=hook.name,
                    body=message,
                    next_at=utcnow(),
                    attempts=0,
                    done=False,
                )
            )


async def due(session: AsyncSession, now: datetime) -> list[tuple[Delivery, Webhook]]:
    """Messages whose time has come, with their webhook."""
    same = (Webhook.project == Delivery.project) & (Webhook.name == Delivery.webhook)
    statement = (
        select(Delivery, Webhook).join(Webhook, same).where(Delivery.done.is_(False), Delivery.next_at <= now)
    )
    return [(row[0], row[1]) for row in await session.execute(statement.order_by(Delivery.next_at).limit(50))]


async def tried(session: AsyncSession, delivery: Delivery, error: str | None) -> None:
    """Record the outcome of one try; after too many failures the message is given up."""
    attempts = delivery.attempts + 1
    wait = timedelta(seconds=pauses.seconds(1, attempts))
    values = {
        "attempts": attempts,
        "done": error is None or attempts >= ATTEMPTS,
        "next_at": utcnow() + wait,
        "error": error,
    }
    await session.execute(update(Delivery).where(Delivery.id == delivery.id).values(**values))
