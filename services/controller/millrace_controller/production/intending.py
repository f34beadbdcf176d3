"""That another version is to answer: written down in the caller's transaction, and made so by passes that follow."""

from datetime import datetime

from millrace_contracts.durations import iso
from millrace_controller.intents import RouteIntent, WayBack
from millrace_controller.tables import Loop
from millrace_controller.triggers.rules import GoBack
from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import Conflict


async def intend(
    session: AsyncSession,
    loop: Loop,
    action: GoBack,
    kind: WayBack,
    author: str,
    at: datetime | None,
    key: str,
) -> None:
    """Record, in the caller's transaction, that the route of *loop* has to go back. The same *key* is the same way.

    Raises: Conflict if it is going back already.
    """
    if loop.route_intent is not None:
        raise Conflict(f"{loop.name} is going back to version {loop.route_intent.version}; wait for it.")
    loop.route_intent = RouteIntent(
        key=key, version=action.version, left=loop.champion, kind=kind, author=author, at=iso(at),
        reason=action.reason, evidence=action.evidence,
    )  # fmt: skip
    loop.updated_at = utcnow()
    await session.flush()
