"""The decisions about keys: who made one, for what, and who ended it."""

from datetime import datetime

from millrace_contracts.bodies import Document
from millrace_contracts.decisions import Kind, decision
from millrace_core.database import AsyncSession, utcnow
from millrace_core.outbox import decide
from millrace_serving.tables import Key, Outbox


async def tell_made(session: AsyncSession, key: Key, author: str) -> None:
    """A key was made."""
    where = ", ".join(key.endpoints) or "every endpoint of the project"
    words = f"The key {key.name} may ask {where}{_until(key.expires_at)}{_limited(key)}."
    await _tell(session, key, "key.made", "made", author, words)


async def tell_expiry(session: AsyncSession, key: Key, author: str) -> None:
    """It was set when a key ends."""
    await _tell(
        session, key, "key.expiry", "set", author, f"The key {key.name} is valid{_until(key.expires_at)}."
    )


async def tell_revoked(session: AsyncSession, key: Key, author: str) -> None:
    """A key is let in no more."""
    await _tell(session, key, "key.revoked", "revoked", author, f"The key {key.name} is let in no more.")


def _until(moment: datetime | None) -> str:
    return " until it is revoked" if moment is None else f" until {moment.isoformat(timespec='seconds')}"


def _limited(key: Key) -> str:
    rate = f", {key.requests_per_second} requests a second at each gateway" if key.requests_per_second else ""
    return rate + (f", {key.max_body_bytes} bytes in each" if key.max_body_bytes else "")


async def _tell(session: AsyncSession, key: Key, kind: Kind, outcome: str, author: str, words: str) -> None:
    facts: Document = {"key": key.name, "endpoints": key.endpoints}
    made = decision(
        project=key.project,
        loop="",
        kind=kind,
        subject=f"key {key.name}",
        outcome=outcome,
        event_time=None,
        at=utcnow(),
        author=author[:100],
        reason=words[:2000],
        evidence=facts,
    )
    await decide(session, Outbox, made)
