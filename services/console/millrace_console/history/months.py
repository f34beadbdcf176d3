"""Groups of protected attributes over the closed days of the last months: one comparison a month, each with bounds."""

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from millrace.aio import AsyncMillrace
from millrace_console.asking import Asked
from millrace_console.declared import spec_of
from millrace_contracts.fairness import FairnessEvaluation, FairnessMetric, FairnessWindow, GroupGap
from millrace_contracts.loops import LoopRead

MONTHS = 6
"""Calendar months that are compared, the last one as far as its days have closed: each is a question to monitoring."""
Line = tuple[str, str, FairnessMetric]
"""Attribute, group and metric."""


@dataclass(frozen=True)
class MonthOfGroups:
    """A calendar month; *days* of its days closed with rows of some group."""

    month: date
    days: int
    fairness: FairnessEvaluation

    def gap(self, line: Line) -> GroupGap | None:
        """How far a group lay from its reference; None where too few rows say."""
        return next((gap for found, _, gap in self.lines() if found == line), None)

    def lines(self) -> list[tuple[Line, int, GroupGap | None]]:
        """Every group but the reference, with its rows."""
        return [
            ((of.attribute, of.group, item.metric), item.rows, item.gap)
            for of in self.fairness.groups
            if not of.reference
            for item in of.metrics
        ]


@dataclass(frozen=True)
class GroupsByMonth:
    """Months in order, those without closed days left out; and the bound of each metric that a gate holds."""

    months: list[MonthOfGroups]
    bounds: dict[FairnessMetric, float]

    def lines(self) -> list[Line]:
        """Every group and metric of which some month tells a difference; those that a gate bounds come first."""
        told = dict.fromkeys(line for item in self.months for line, _, gap in item.lines() if gap is not None)
        return sorted(told, key=lambda line: line[2] not in self.bounds)

    def left_out(self) -> list[str]:
        """What no month compares, and why, each once."""
        return list(dict.fromkeys(words for item in self.months for words in item.fairness.left_out))


async def groups(asked: Asked, clients: AsyncMillrace, project: str, loop: str) -> GroupsByMonth | None:
    """The last MONTHS months up to the last closed day; None where no attributes are declared, or no day has closed."""
    found = await asked.of("controller", _loop(clients, project, loop), None)
    spec = None if found is None else spec_of(found)
    if found is None or spec is None or spec.fairness is None or found.settled_through is None:
        return None
    last = (found.settled_through - timedelta(microseconds=1)).astimezone(ZoneInfo(spec.data.timezone)).date()
    firsts = _firsts(last)
    windows = await asyncio.gather(
        *(asked.of("monitoring", _window(clients, project, loop, month), None) for month in firsts)
    )
    months = [
        MonthOfGroups(month, window.days, window.fairness)
        for month, window in zip(firsts, windows, strict=True)
        if window is not None and window.days and window.fairness is not None
    ]
    return GroupsByMonth(months, {gate.metric: gate.at_most for gate in spec.gates.fairness or []})


def _firsts(last: date) -> list[date]:
    """First days of the last MONTHS months, that of *last* at the end."""
    begun = last.year * 12 + last.month - MONTHS
    return [date((begun + place) // 12, (begun + place) % 12 + 1, 1) for place in range(MONTHS)]


async def _window(clients: AsyncMillrace, project: str, loop: str, month: date) -> FairnessWindow | None:
    after = (month + timedelta(days=32)).replace(day=1)
    return await clients.monitoring.fairness(loop, month, after, project=project)


async def _loop(clients: AsyncMillrace, project: str, loop: str) -> LoopRead | None:
    return await clients.controller.loop(loop, project=project)
