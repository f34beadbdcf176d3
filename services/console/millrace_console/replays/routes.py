"""Pages of a loop's backtests: of each what every way would have come to, what it costs, and what to change."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from millrace.backtests.told import Comparison, Line, decided, marks
from millrace.backtests.told import compared as compared_of
from millrace.backtests.variants import DECLARED
from millrace_console.asking import Asked
from millrace_console.drawing.ways import ways
from millrace_console.people.permits import CurrentPerson, act, look
from millrace_console.places import LoopIn, ProjectIn, frame
from millrace_console.rendering import page
from millrace_console.services import CurrentServices
from millrace_contracts.backtests import BacktestFound, BacktestRead
from millrace_core.errors import NotFound

router = APIRouter(include_in_schema=False)
LISTED = 100
BACKTEST = r"^[0-9a-f]{12}$"
BacktestIn = Annotated[str, Path(pattern=BACKTEST, description="A backtest.")]


@router.get("/p/{project}/loops/{loop}/backtests", dependencies=[look()])
async def every(
    request: Request,
    project: ProjectIn,
    loop: LoopIn,
    person: CurrentPerson,
    services: CurrentServices,
    only: Annotated[str | None, Query(pattern=BACKTEST, description="Only this one.")] = None,
) -> Response:
    """A loop's backtests, the newest first, with what each came to; what goes on asks for itself alone from then on."""
    asked = Asked(services.settings.answer_seconds)
    controller = person.clients.controller
    _, known, around = await asyncio.gather(
        asked.must("controller", controller.loop(loop, project=project)),
        _known(asked, person, project, loop, only),
        frame(person, asked, project, "loops", loop),
    )
    newest = sorted(known, key=lambda one: one.created_at, reverse=True)[:LISTED]
    return page(request, "backtests.html", around | {"backtests": [(one, mine(one)) for one in newest]})


async def _known(
    asked: Asked, person: CurrentPerson, project: str, loop: str, only: str | None
) -> list[BacktestRead]:
    """All of the loop's with their results, or the one: that has a result once it is over."""
    if only is not None:
        return [await _of(asked, person, project, loop, only)]
    return await asked.must("controller", person.clients.controller.backtests(loop, project=project))


@router.get("/p/{project}/loops/{loop}/backtests/{backtest}", dependencies=[look()])
async def one(
    request: Request,
    project: ProjectIn,
    loop: LoopIn,
    backtest: BacktestIn,
    person: CurrentPerson,
    services: CurrentServices,
) -> Response:
    """One backtest: how far it is, or what it found."""
    asked = Asked(services.settings.answer_seconds)
    found, around = await asyncio.gather(
        _of(asked, person, project, loop, backtest), frame(person, asked, project, "loops", loop)
    )
    return page(request, "backtest.html", around | told(found))


@router.post("/p/{project}/loops/{loop}/backtests/{backtest}/cancel", dependencies=[act()])
async def cancel(
    project: ProjectIn, loop: LoopIn, backtest: BacktestIn, person: CurrentPerson, services: CurrentServices
) -> Response:
    """End one that goes on."""
    asked = Asked(services.settings.answer_seconds)
    await _of(asked, person, project, loop, backtest)
    await asked.must("controller", person.clients.controller.cancel_backtest(backtest, project=project))
    return RedirectResponse(f"/p/{project}/loops/{loop}/backtests/{backtest}", 303)


async def _of(asked: Asked, person: CurrentPerson, project: str, loop: str, backtest: str) -> BacktestRead:
    """The backtest, if it is of this loop. Raises: NotFound."""
    found = await asked.must(
        "controller", person.clients.controller.backtest_state(backtest, project=project)
    )
    if found.of != loop:
        raise NotFound(f"{loop} has no backtest {backtest}.")
    return found


def told(found: BacktestRead) -> dict[str, object]:
    """What the page of one backtest shows."""
    compared = _compared(found)
    result = None if compared is None else compared.results[DECLARED]
    return {
        "it": found,
        "live": _goes_on(found),
        "compared": compared,
        "picture": None if compared is None or result is None else ways(compared, marks(result)),
        "decisions": [] if result is None else decided(result)[:LISTED],
    }


def _goes_on(backtest: BacktestRead) -> bool:
    return backtest.ended_at is None


def _compared(backtest: BacktestRead) -> Comparison | None:
    """What it found, beside a model that is never retrained and the best in hindsight; None: nothing yet."""
    if backtest.result is None or backtest.state != "succeeded":
        return None
    return compared_of({DECLARED: BacktestFound.model_validate(backtest.result)})


def mine(backtest: BacktestRead) -> Line | None:
    """The line of the loop as declared; None: it found nothing yet."""
    compared = _compared(backtest)
    return None if compared is None else next(line for line in compared.lines if line.name == DECLARED)
