"""The overview over HTTP: one call for a page of a thousand loops."""

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
    rows = await queries.every(session, project, search)
    found = [glance.Found(loop, run, task, glance.health(loop, run)) for loop, run, task in rows]
    counts: dict[Health, int] = {name: sum(item.health == name for item in found) for name in HEALTHS}
    asked = [item for item in found if health in (None, item.health)]
    pages = max(1, -(-len(asked) // size))
    here = min(page, pages)
    shown = [item.line() for item in glance.ordered(asked, sort, down)[(here - 1) * size : here * size]]
    return LoopsOverview(items=shown, total=len(asked), page=here, pages=pages, counts=counts)
