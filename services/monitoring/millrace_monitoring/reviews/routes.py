"""Reviews over HTTP: what to look at next, what somebody says of it, and how the queue stands."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Path, Query

from millrace_contracts.reviews import (
    ReviewLabel,
    ReviewNext,
    ReviewRead,
    ReviewReason,
    ReviewSkip,
    ReviewState,
    ReviewSummary,
)
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, encode
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.reviews import labelling, queries, reading
from millrace_monitoring.services import CurrentServices

router = APIRouter(prefix="/v1/monitors", tags=["reviews"])
READ, WRITE = [permit("monitoring.reviews.read")], [permit("monitoring.reviews.write")]
Number = Annotated[int, Path(ge=1, lt=2**63, description="The number of an entry.")]


@router.get("/{endpoint}/reviews", dependencies=READ)
async def every(
    endpoint: Name,
    project: Project,
    session: Session,
    state: Annotated[ReviewState | None, Query()] = None,
    reason: Annotated[ReviewReason | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ReviewRead]:
    """The queue, the newest entry first."""
    monitor = await monitors.get(session, project, endpoint)
    before = decode(cursor, int)
    found = await queries.page(session, monitor, state, reason, int(before[0]) if before else None, limit)
    items = await reading.read(session, monitor, found[:limit])
    return Page(items=items, next=encode(items[-1].number) if len(found) > limit else None)


@router.get("/{endpoint}/reviews:next", dependencies=WRITE)
async def following(endpoint: Name, project: Project, session: Session, actor: CurrentActor) -> ReviewNext:
    """What to look at next: drawn by chance first, then of low confidence, then most useful; in each, by chance.

    People who work at once are shown different entries, mostly; nothing is taken from anybody by looking.
    """
    monitor = await monitors.get(session, project, endpoint)
    near, left = await queries.following(session, monitor, actor.person)
    if not near:
        return ReviewNext(entry=None, left=0)
    mine = min(near, key=lambda entry: _order(actor.person, entry.number))
    (entry,) = await reading.read(session, monitor, [mine])
    return ReviewNext(entry=entry, left=left)


def _order(person: str, number: int) -> bytes:
    return hashlib.blake2b(f"{number}/{person}".encode(), digest_size=8).digest()


@router.get("/{endpoint}/reviews:summary", dependencies=READ)
async def summary(endpoint: Name, project: Project, session: Session) -> ReviewSummary:
    """How the queue stands, what each person did, and how far they agree."""
    return await reading.summary(session, await monitors.get(session, project, endpoint))


@router.get("/{endpoint}/reviews/{number}", dependencies=READ)
async def one(endpoint: Name, number: Number, project: Project, session: Session) -> ReviewRead:
    """One entry with what people said of it."""
    monitor = await monitors.get(session, project, endpoint)
    (entry,) = await reading.read(session, monitor, [await queries.get(session, monitor, number)])
    return entry


@router.post("/{endpoint}/reviews/{number}:label", dependencies=WRITE)
async def label(
    endpoint: Name,
    number: Number,
    body: ReviewLabel,
    project: Project,
    session: Session,
    services: CurrentServices,
    actor: CurrentActor,
    after_commit: BackgroundTasks,
) -> ReviewRead:
    """Say what an entry is; who said something before says it otherwise.

    It becomes the row's label once as many people as are asked for agree, by the rule of all labels: a later one holds.
    """
    monitor = await monitors.get(session, project, endpoint, lock=True)
    entry = await queries.get(session, monitor, number, lock=True)
    await labelling.label(session, monitor, entry, body, actor)
    after_commit.add_task(services.wakeups.wake)
    (told,) = await reading.read(session, monitor, [entry])
    return told


@router.post("/{endpoint}/reviews/{number}:skip", dependencies=WRITE)
async def skip(
    endpoint: Name, number: Number, body: ReviewSkip, project: Project, session: Session, actor: CurrentActor
) -> ReviewRead:
    """Say that you cannot tell; others are asked, until as many have skipped it as had to look."""
    monitor = await monitors.get(session, project, endpoint, lock=True)
    entry = await queries.get(session, monitor, number, lock=True)
    await labelling.skip(session, monitor, entry, body.note, actor)
    (told,) = await reading.read(session, monitor, [entry])
    return told
