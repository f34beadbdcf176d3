"""Decisions over HTTP: append, read, verify."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from millrace_contracts.decisions import (
    ChainVerification,
    DecisionDetail,
    DecisionDigest,
    DecisionFeed,
    DecisionRead,
    Kind,
)
from millrace_contracts.overviews import DecisionGlance, Names
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.errors import BadInput
from millrace_core.ledger.chain import Head
from millrace_core.names import Digest, Name, Project
from millrace_core.pages import Cursor, Limit, Page, page
from millrace_registry.cursors import after_number
from millrace_registry.decisions import queries
from millrace_registry.decisions.schemas import DecisionWrite
from millrace_registry.projects.queries import ensure

router = APIRouter(prefix="/v1", tags=["decisions"])
READ, WRITE = permit("registry.decisions.read"), permit("registry.decisions.write")
AfterCause = Annotated[bool, Query(description="Answer 424 as long as its cause is not recorded.")]
Count = Annotated[int | None, Query(ge=0, le=2**31 - 1, description="`count` of an earlier verification.")]


@router.post("/decisions", response_model=DecisionRead, status_code=201, dependencies=[WRITE])
async def append_decision(
    body: DecisionWrite,
    session: Session,
    project: Project,
    actor: CurrentActor,
    response: Response,
    after_cause: AfterCause = False,
) -> DecisionRead:
    """Record a decision; the same one again answers 200. Nobody can change or remove one."""
    if "project" in body.model_fields_set and body.project != project:
        raise BadInput(f"The decision is of the project {body.project}, the request of {project}.")
    await ensure(session, project)
    decision = body.model_copy(update={"project": project})
    row, new = await queries.append(session, decision, actor.name, after_cause)
    response.status_code = 201 if new else 200
    return queries.read(row)


@router.get("/decisions", response_model=Page[DecisionRead], dependencies=[READ])
async def list_decisions(
    session: Session,
    project: Project,
    loop: Name | None = None,
    kind: Kind | None = None,
    run: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    order: Literal["recorded", "newest"] = "recorded",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[DecisionRead]:
    """Decisions in the order in which they were recorded, or the newest first."""
    newest = order == "newest"
    rows = await queries.page(
        session, project, after_number(cursor), limit, newest=newest, loop=loop, kind=kind, run=run
    )
    return page(rows, limit, lambda row: (row.number,), queries.read)


@router.get("/decisions:latest", response_model=list[DecisionGlance], dependencies=[READ])
async def latest_decisions(
    session: Session,
    project: Project,
    loops: Annotated[Names, Query(description="Up to 200 names with commas between them.")],
) -> list[DecisionGlance]:
    """The newest decision of each of these loops, by loop; a loop without one is left out."""
    return await queries.latest(session, project, set(loops.split(",")))


@router.get("/decisions:feed", response_model=DecisionFeed, dependencies=[READ])
async def feed_decisions(
    session: Session,
    after: Annotated[
        int | None, Query(ge=0, le=2**31 - 1, description="`last` of the page before; left out: begin now.")
    ] = None,
    limit: Limit = 200,
) -> DecisionFeed:
    """Decisions of all projects in the order in which they were recorded, for whoever follows them."""
    rows, last = await queries.feed(session, after, limit)
    return DecisionFeed(items=[queries.read(row) for row in rows], last=last)


@router.get("/decisions:verify", response_model=ChainVerification, dependencies=[READ])
async def verify_decisions(
    session: Session,
    count: Count = None,
    head: Annotated[Digest | None, Query(description="`head` of that verification.")] = None,
) -> ChainVerification:
    """Recompute the whole hash chain. With what an earlier verification answered, a truncated log is found too."""
    if (count is None) != (head is None):
        raise BadInput("Give both `count` and `head` of an earlier verification, or neither.")
    earlier = None if count is None or head is None else Head(count, head)
    return await queries.verify(session, earlier)


@router.get("/decisions:digest", response_model=DecisionDigest, dependencies=[READ])
async def digest_decisions(session: Session, project: Project, loop: Name | None = None) -> DecisionDigest:
    """One digest of everything that a replay of the same data with the same seed reproduces."""
    return await queries.digest(session, project, loop)


@router.get("/decisions/{decision}", response_model=DecisionDetail, dependencies=[READ])
async def get_decision(decision: Name, session: Session, project: Project) -> DecisionDetail:
    """One decision and what followed from it."""
    row = await queries.get(session, project, decision)
    followed = await queries.caused_by(session, project, decision)
    told = queries.read(row).model_dump()
    return DecisionDetail(**told, followed_by=[queries.read(item) for item in followed])
