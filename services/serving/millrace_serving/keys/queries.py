"""All SQL of keys."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.keys import KeyWrite
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_serving.tables import IssuerKeys, Key


async def get(session: AsyncSession, project: str, name: str) -> Key:
    """One key. Raises: NotFound."""
    found = await session.get(Key, (project, name), populate_existing=True)
    if found is None:
        raise NotFound(
            f"There is no key {name} in the project {project}; `millrace keys list` tells which there are."
        )
    return found


async def add(session: AsyncSession, project: str, body: KeyWrite, digest: str, author: str) -> Key:
    """Store a new key. Raises: Conflict for a name that was used."""
    made = Key(
        project=project,
        name=body.name,
        sha256=digest,
        endpoints=sorted(set(body.endpoints)),
        expires_at=body.expires_at,
        requests_per_second=body.requests_per_second,
        max_body_bytes=body.max_body_bytes,
        made_at=utcnow(),
        made_by=author[:100],
    )
    session.add(made)
    try:
        await session.flush()
    except IntegrityError as error:
        words = f"The project {project} has or had a key {body.name}: take another name, so that decisions stay clear."
        raise Conflict(words) from error
    return made


async def after(session: AsyncSession, project: str, limit: int, name: str | None) -> Sequence[Key]:
    """The keys of a project by name, one more than *limit*."""
    chosen = select(Key).where(Key.project == project).order_by(Key.name).limit(limit + 1)
    return (await session.scalars(chosen if name is None else chosen.where(Key.name > name))).all()


async def valid(session: AsyncSession) -> Sequence[Key]:
    """The keys of all projects that nobody has revoked; who has an expired one is told so."""
    return (await session.scalars(select(Key).where(Key.revoked_at.is_(None)).order_by(Key.sha256))).all()


async def by_digest(session: AsyncSession, digest: str) -> Key | None:
    """The key of that SHA-256 that nobody has revoked."""
    chosen = select(Key).where(Key.sha256 == digest, Key.revoked_at.is_(None))
    return (await session.scalars(chosen)).one_or_none()


async def of_issuers(session: AsyncSession) -> Sequence[IssuerKeys]:
    """What issuers of tokens published when they were last seen."""
    return (await session.scalars(select(IssuerKeys))).all()


async def expire(session: AsyncSession, key: Key, at: datetime) -> None:
    """Set when the key ends. Raises: Conflict if it was revoked."""
    await _change(session, key, expires_at=at)


async def revoke(session: AsyncSession, key: Key, author: str) -> None:
    """Let it in no more. Raises: Conflict if it was revoked already."""
    await _change(session, key, revoked_at=utcnow(), revoked_by=author[:100])


async def _change(session: AsyncSession, key: Key, **values: datetime | str) -> None:
    mine = (Key.project == key.project, Key.name == key.name, Key.revoked_at.is_(None))
    if (await session.execute(update(Key).where(*mine).values(**values))).rowcount == 0:  # type: ignore[attr-defined]
        raise Conflict(f"The key {key.name} was revoked; make another.")
    await session.refresh(key)
