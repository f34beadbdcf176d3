"""SQL of people's tokens: rows are made and revoked, never removed; only a token's SHA-256 is kept."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.errors import Conflict, NotFound
from millrace_registry.tables import PersonalToken, ShownRoles

MOST = 100
"""Tokens of one person that open something at a time."""
SHOWN = 1000


async def add(session: AsyncSession, made: PersonalToken, now: datetime) -> None:
    """Keep a new one. Raises: Conflict if its owner has too many."""
    mine = (PersonalToken.identifier == made.identifier, *_open(now))
    held = await session.scalar(select(func.count()).select_from(PersonalToken).where(*mine)) or 0
    if held >= MOST:
        raise Conflict(f"{made.name} has {held} tokens; revoke some first: millrace tokens list")
    session.add(made)
    await session.flush()


async def listed(session: AsyncSession, identifier: str | None, now: datetime) -> Sequence[PersonalToken]:
    """Up to SHOWN of one person, or of everybody: those that open something before the ended, each the newest first."""
    ended = case((and_(*_open(now)), 0), else_=1)
    statement = select(PersonalToken).order_by(ended, PersonalToken.made_at.desc(), PersonalToken.id)
    if identifier is not None:
        statement = statement.where(PersonalToken.identifier == identifier)
    return (await session.scalars(statement.limit(SHOWN))).all()


async def standing(session: AsyncSession, sha256: str, now: datetime) -> PersonalToken:
    """The token with this SHA-256, if it opens something. Raises: NotFound."""
    found = await session.scalar(select(PersonalToken).where(PersonalToken.sha256 == sha256, *_open(now)))
    if found is None:
        raise NotFound("There is no such token, or it has ended.")
    return found


async def given(session: AsyncSession, token: PersonalToken) -> Sequence[ShownRoles]:
    """What its owner's own tokens said of them since it was made, each kind the last time."""
    mine = (ShownRoles.identifier == token.identifier, ShownRoles.seen_at >= token.made_at)
    return (await session.scalars(select(ShownRoles).where(*mine))).all()


async def note_given(
    session: AsyncSession, identifier: str, kind: str, role: str, shown: list[tuple[str, str]], now: datetime
) -> None:
    """Remember what was given to somebody who has tokens, where that is news to one of them."""
    kept = await session.get(ShownRoles, (identifier, kind))
    newest = select(func.max(PersonalToken.made_at)).where(PersonalToken.identifier == identifier)
    made_at = await session.scalar(newest)
    if made_at is None:
        return
    if kept is None:
        earlier = delete(ShownRoles).where(ShownRoles.identifier == identifier, ShownRoles.kind == "")
        await session.execute(earlier)  # of a release that knew no kinds: the last word counted
        with suppress(IntegrityError):  # they came twice at once
            async with session.begin_nested():
                session.add(ShownRoles(identifier=identifier, kind=kind, role=role, given=shown, seen_at=now))
    elif (kept.role, kept.given) != (role, shown) or kept.seen_at < made_at:
        kept.role, kept.given, kept.seen_at = role, shown, now


async def revoke(session: AsyncSession, id: str, identifier: str | None, by: str, now: datetime) -> None:
    """End one of somebody's, or of anybody's. Raises: NotFound; repeating it changes nothing."""
    statement = select(PersonalToken).where(PersonalToken.id == id).with_for_update()
    found = await session.scalar(statement)
    if found is None or identifier not in (None, found.identifier):
        raise NotFound(
            f"There is no token {id}, or it is none of yours. See yours with: millrace tokens list"
        )
    if found.revoked_at is None:
        found.revoked_at, found.revoked_by = now, by


def _open(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return PersonalToken.revoked_at.is_(None), PersonalToken.ends_at > now
