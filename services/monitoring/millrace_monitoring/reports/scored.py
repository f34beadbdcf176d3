"""What was scored by itself lately, with what it cost, as the report lists it."""

from collections.abc import Sequence

from millrace import pages
from millrace.aio import AsyncMillrace
from millrace.pages import Html
from millrace.transport.errors import ApiError
from millrace_contracts.decisions import DecisionRead

MOST = 20
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


async def read(clients: AsyncMillrace, loop: str, project: str) -> list[DecisionRead]:
    """The newest scorings of a loop, as they were recorded; none while the registry does not tell."""
    try:
        found = await clients.registry.decisions(loop=loop, kind="predictions.written", project=project)
    except ApiError:
        return []
    return found[: -MOST - 1 : -1]


def sections(found: Sequence[DecisionRead]) -> list[Html]:
    """A table of them; nothing where nothing was scored."""
    if not found:
        return []
    rows = sum(item.evidence.get("rows", 0) for item in found)
    words = pages.quiet(f"The newest {len(found)}, {rows:,} rows; 'millrace scores list' has them all.")
    return [pages.section("Scored by itself", pages.table(HEADINGS, [_line(item) for item in found]), words)]


def _line(item: DecisionRead) -> tuple[object, ...]:
    told, cost = item.evidence, item.measured
    numbers = [told.get(name) for name in ("rows", "answered", "rejects", "version")]
    seconds, speed = cost.get("seconds"), cost.get("rows_per_second")
    shown = ("" if seconds is None else f"{seconds:.1f}", "" if speed is None else f"{speed:,.0f}")
    return (f"{item.recorded_at:%Y-%m-%d %H:%M}", *numbers, *shown, told.get("sink"))
