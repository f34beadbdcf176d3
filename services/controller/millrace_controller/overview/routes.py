"""The overview over HTTP: one call for a page of a thousand loops."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query

from millrace_contracts.names import PlainText
from millrace_contracts.overviews import HEALTHS, Health, LoopSort, LoopsOverview
from millrace_controller.overview import glance, queries
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.names import Project

router = APIRouter(prefix="/v1", tags=["loops"])
Search = Annotated[str, Query(max_length=63, pattern=PlainText, description="A part of the name.")]


@router.get("/loops:overview", response_model=LoopsOverview, dependencies=[permit("controller.loops.read")])
async def overview(
    session: Session,
    project: Project,
    search: Search = "",
    health: Annotated[Health | None, Query(description="Only loops that are so.")] = None,
    sort: LoopSort = "health",
    down: Annotated[bool, Query(description="The other way round.")] = False,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    size: Annotated[int, Query(ge=1, le=200)] = 50,
) -> LoopsOverview:
    """One page of the project's loops in one line each, and how many there are of each health."""
    found = await queries.standings(session, project, search)
    healths = Counter(map(glance.health, found))
    asked = [item for item in found if health in (None, glance.health(item))]
    pages = max(1, -(-len(asked) // size))
    here = min(page, pages)
    shown = glance.ordered(asked, sort, down)[(here - 1) * size : here * size]
    lines = await queries.lines(session, shown)
    return LoopsOverview(
        items=[glance.of(item, lines[item.id]) for item in shown if item.id in lines],
        total=len(asked), page=here, pages=pages, counts={name: healths[name] for name in HEALTHS},
    )  # fmt: skip
