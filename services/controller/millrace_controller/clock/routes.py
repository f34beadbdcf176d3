"""Days that a replay has judged ahead, over HTTP: how many of them may close together."""

from fastapi import APIRouter

from millrace_contracts.backtests import DaysJudged, QuietDays
from millrace_controller.clock import day
from millrace_controller.services import CurrentServices
from millrace_core.auth import permit
from millrace_core.names import Name, Project

router = APIRouter(prefix="/v1/loops", tags=["loops"])


@router.post("/{loop}:ahead", dependencies=[permit("controller.loops.write")])
async def look_ahead(loop: Name, body: DaysJudged, project: Project, services: CurrentServices) -> QuietDays:
    """How many of these days call for nothing, with the first that does; nothing is decided by asking."""
    return QuietDays(days=await day.ahead(services, project, loop, body.days))
