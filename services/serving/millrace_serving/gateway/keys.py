"""HTTP of keys for inference; a change is told to the gateway before the answer leaves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Path

from millrace_contracts.keys import KeyExpiry, KeyMade, KeyRead, KeyWrite
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import AsyncSession, Session, utcnow
from millrace_core.errors import BadInput, FieldError, Unavailable
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, page
from millrace_serving.callers import author
from millrace_serving.keys import decisions, keys, queries
from millrace_serving.services import CurrentServices, Services

router = APIRouter(prefix="/v1/keys", tags=["keys"])
READ, WRITE = [permit("serving.keys.read")], [permit("serving.keys.write")]
KeyName = Annotated[Name, Path(description="Name of the key.")]


@router.post("", dependencies=WRITE, response_model=KeyMade, status_code=201)
async def make_key(
    body: KeyWrite, project: Project, services: CurrentServices, actor: CurrentActor
) -> KeyMade:
    """Make a key; the answer is the only place where it can be read.

    A gateway that does not take it in time, as while it starts, takes it later.
    """
    now, key = utcnow(), keys.new()
    if body.expires_at is not None and body.expires_at <= now:
        errors = [FieldError("expires_at", "has passed", "say when the key is to end, or leave it out")]
        raise BadInput("expires_at has passed: say when the key is to end, or leave it out.", errors)
    async with services.sessions.begin() as session:
        made = await queries.add(session, project, body, keys.sha256(key), author(actor))
        await decisions.tell_made(session, made, author(actor))
        shown = keys.read(made, now)
    if services.plane is not None:
        await services.plane.publish()
    return KeyMade(**shown.model_dump(), key=key)


@router.get("", dependencies=READ, response_model=Page[KeyRead])
async def list_keys(
    project: Project, session: Session, limit: Limit = 100, cursor: Cursor = None
) -> Page[KeyRead]:
    """The keys of a project by name, also those that have ended; never what opens the door."""
    begin, now = decode(cursor, str), utcnow()
    rows = await queries.after(session, project, limit, str(begin[0]) if begin else None)
    return page(rows, limit, lambda row: (row.name,), lambda row: keys.read(row, now))


@router.get("/{key}", dependencies=READ, response_model=KeyRead)
async def get_key(key: KeyName, project: Project, session: Session) -> KeyRead:
    """One key."""
    return keys.read(await queries.get(session, project, key), utcnow())


@router.post("/{key}:expire", dependencies=WRITE, response_model=KeyRead)
async def expire_key(
    key: KeyName, body: KeyExpiry, project: Project, services: CurrentServices, actor: CurrentActor
) -> KeyRead:
    """Set when a key ends; a time that has passed ends it now."""
    async with _told(services) as session:
        found = await queries.get(session, project, key)
        await queries.expire(session, found, body.at)
        await decisions.tell_expiry(session, found, author(actor))
        return keys.read(found, utcnow())


@router.post("/{key}:revoke", dependencies=WRITE, response_model=KeyRead)
async def revoke_key(
    key: KeyName, project: Project, services: CurrentServices, actor: CurrentActor
) -> KeyRead:
    """Let a key in no more; when the answer comes, every gateway that is up knows it."""
    async with _told(services) as session:
        found = await queries.get(session, project, key)
        if found.revoked_at is None:
            await queries.revoke(session, found, author(actor))
            await decisions.tell_revoked(session, found, author(actor))
        return keys.read(found, utcnow())


@asynccontextmanager
async def _told(services: Services) -> AsyncIterator[AsyncSession]:
    """A transaction, and then the gateway does what it says.

    Raises: Unavailable if the gateway does not accept in time; the change is stored and tried on.
    """
    async with services.sessions.begin() as session:
        yield session
    if services.plane is not None and not await services.plane.publish():
        raise Unavailable(
            f"The change is stored, but {services.plane.problem}; look again with `millrace keys list`."
        )
