"""Scorings over HTTP: the declared one now, and what each of them came to."""

from fastapi import APIRouter, Request

from millrace_contracts.batches import ScoringRead, ScoringWrite
from millrace_controller import batches
from millrace_controller.lookup import queries as lookup
from millrace_controller.scores import asking, queries
from millrace_controller.services import CurrentServices
from millrace_controller.waits import Wait
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session, utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_core.held import answered
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, page

router = APIRouter(prefix="/v1/loops", tags=["scores"])
READ, WRITE = permit("controller.loops.read"), permit("controller.loops.write")


@router.get("/{loop}/scores", response_model=Page[ScoringRead], dependencies=[READ])
async def list_scores(
    loop: Name, session: Session, project: Project, limit: Limit = 50, cursor: Cursor = None
) -> Page[ScoringRead]:
    """Scorings of what the loop declares, the newest first."""
    owner, keys = await lookup.get(session, project, loop), decode(cursor, int)
    rows = await queries.page(session, owner, int(keys[0]) if keys else None, limit)
    return page(rows, limit, lambda row: (row.number,), lambda row: asking.shown(owner, row))


@router.get("/{loop}/scores/{number}", response_model=ScoringRead, dependencies=[READ])
async def get_score(
    loop: Name, number: int, request: Request, services: CurrentServices, project: Project, wait: Wait = 0
) -> ScoringRead:
    """One scoring; with `wait`, as soon as it has ended or failed."""

    async def look() -> ScoringRead:
        async with services.readers() as session:
            owner = await lookup.get(session, project, loop)
            return asking.shown(owner, await queries.get(session, owner, number))

    ended = services.changes.until(look, lambda seen: seen.state in ("succeeded", "failed"), wait)
    return await answered(request, ended)


@router.post("/{loop}:score", response_model=ScoringRead, status_code=202, dependencies=[WRITE])
async def score_now(
    loop: Name, body: ScoringWrite, session: Session, project: Project, actor: CurrentActor
) -> ScoringRead:
    """Score what the loop declares as soon as possible; one that goes on is that scoring. The same key is the same one.

    404 for a loop that declares nothing to score, 409 before it has a version in production.
    """
    owner = await lookup.get(session, project, loop)
    batch = batches.declared(owner.spec)
    if batch is None:
        raise NotFound(f"{loop} declares nothing to score; see spec.predict.batch, or use --data.")
    key = f"hand/{body.key}"
    known = await queries.by_key(session, owner.id, key) or await queries.going_on(session, owner.id)
    if known is not None:
        return asking.shown(owner, known)
    if owner.champion is None:
        raise Conflict(
            f"{loop} has no version in production yet; 'millrace watch {loop}' shows how far it is."
        )
    if owner.batch is None or owner.batch.declared != batches.digest(batch):
        owner.batch = batches.begun(batch, owner.batch, utcnow())
    made = await queries.add(session, owner, batch, key, actor.author, None)
    return asking.shown(owner, made)
