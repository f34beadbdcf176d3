"""What was scored by itself lately, with what it cost, as the report lists it."""

import asyncio
from collections.abc import Sequence

import httpx

from millrace import pages
from millrace.aio import AsyncMillrace
from millrace.pages import Html
from millrace.transport.errors import ApiError
from millrace_contracts.decisions import DecisionRead

MOST = 20
SECONDS = 2.0
"""How long a report waits for what it can do without."""
HEADING = "Scored by itself"
HEADINGS = (
    "scored at",
    "rows",
    "answered",
    "unreadable",
    "version",
    "seconds",
    "rows a second",
    "written to",
)


async def read(clients: AsyncMillrace, loop: str, project: str) -> list[DecisionRead] | None:
    """The newest scorings of a loop, as they were recorded; None while the registry does not tell."""
    try:
        async with asyncio.timeout(SECONDS):
            return await clients.registry.decisions(
                loop=loop, kind="predictions.written", newest=MOST, project=project
            )
    except (ApiError, TimeoutError, httpx.TransportError):
        return None


def sections(scorings: Sequence[DecisionRead] | None) -> list[Html]:
    """A table of them; nothing where nothing was scored."""
    if scorings is None:
        return [pages.section(HEADING, pages.quiet("The registry does not say now; load the page again."))]
    if not scorings:
        return []
    rows = sum(item.evidence.get("rows", 0) for item in scorings)
    words = pages.quiet(f"The newest {len(scorings)}, {rows:,} rows; 'millrace scores list' has them all.")
    return [pages.section(HEADING, pages.table(HEADINGS, [_line(item) for item in scorings]), words)]


def _line(item: DecisionRead) -> tuple[object, ...]:
    told, cost = item.evidence, item.measured
    numbers = [told.get(name) for name in ("rows", "answered", "rejects", "version")]
    seconds, speed = cost.get("seconds"), cost.get("rows_per_second")
    shown = ("" if seconds is None else f"{seconds:.1f}", "" if speed is None else f"{speed:,.0f}")
    return (f"{item.recorded_at:%Y-%m-%d %H:%M}", *numbers, *shown, told.get("sink"))
