"""What the services know of one loop, asked at once."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from millrace.aio import AsyncMillrace
from millrace_console.asking import Asked
from millrace_contracts.alarms import AlarmRead
from millrace_contracts.closings import ClosingRead, DriftRead
from millrace_contracts.decisions import DecisionRead, Kind
from millrace_contracts.drift_windows import watched, widest
from millrace_contracts.endpoints import EndpointRead
from millrace_contracts.estimates import Estimates
from millrace_contracts.loop_runs import LoopRunRead
from millrace_contracts.overviews import DayPoint

KINDS: tuple[Kind, ...] = (
    "gate.verdict", "rollout.started", "rollout.step", "rollout.promoted", "rollout.aborted", "switch-back", "rollback",
)  # fmt: skip
NEWEST = 300
"""Decisions of a kind that are looked at."""
DRIFT_DAYS, DRIFTED, LATELY, FEATURES = 371, 31, 3, 8
"""Days of drift that are drawn at most; days among which the last closed one is looked for."""


@dataclass(frozen=True)
class Facts:
    """Decisions of the kinds above, alarms, days in short, runs, the endpoint, drift, last days in full, estimates."""

    decisions: list[DecisionRead]
    alarms: list[AlarmRead]
    days: list[DayPoint]
    runs: list[LoopRunRead]
    endpoint: EndpointRead | None
    drift: list[DriftRead]
    closed: list[ClosingRead]
    estimates: Estimates | None = None

    def last(self) -> ClosingRead | None:
        """The last closed day that has rows, of the last few."""
        return next((item for item in reversed(self.closed) if item.rows), None)

    def moved(self) -> DriftRead | None:
        """The champion's drift as of the last closed day on which its running window had most days."""
        lately = [item for item in self.drift if item.psi][-DRIFTED:]
        return next(reversed(widest(item for item in lately if item.champion == lately[-1].champion)), None)


def worst(moved: DriftRead | None) -> list[tuple[str, float]]:
    """The features that have moved most in that window."""
    ranked = sorted(moved.psi.items(), key=lambda item: -item[1])[:FEATURES] if moved else []
    return [(watched(name), psi) for name, psi in ranked]


async def gather(
    asked: Asked, clients: AsyncMillrace, project: str, loop: str, settled: datetime | None, span: int | None
) -> Facts:
    """Ask for all of it; *span*: of so many days up to *settled*, None: of all."""
    since = None if span is None or settled is None else (settled - timedelta(days=span)).date()
    drawn = (
        None if settled is None else (settled - timedelta(days=min(span or DRIFT_DAYS, DRIFT_DAYS))).date()
    )
    lately = None if settled is None else (settled - timedelta(days=LATELY)).date()
    monitoring = clients.monitoring
    (decided, alarms, days, runs, endpoint, drift), closed, expected = await asyncio.gather(
        asyncio.gather(
            _decisions(asked, clients, project, loop),
            asked.of("monitoring", monitoring.alarms(loop, project=project), list[AlarmRead]()),
            asked.of("monitoring", monitoring.course(loop, since, project=project), list[DayPoint]()),
            asked.of("controller", clients.controller.runs(loop, project=project), list[LoopRunRead]()),
            asked.of("serving", _endpoint(clients, project, loop), None),
            asked.of("monitoring", monitoring.drift(loop, drawn, project=project), list[DriftRead]()),
        ),
        asked.of("monitoring", _closed(clients, project, loop, lately), list[ClosingRead]()),
        asked.of("monitoring", _estimates(clients, project, loop, since), None),
    )
    return Facts(decided, alarms, days, runs, endpoint, drift, closed, expected)


async def _estimates(clients: AsyncMillrace, project: str, loop: str, since: date | None) -> Estimates | None:
    """What is expected without labels, week by week."""
    return await clients.monitoring.estimates(loop, since, project=project)


async def _closed(clients: AsyncMillrace, project: str, loop: str, since: date | None) -> list[ClosingRead]:
    """The last days in full; none before one has closed."""
    return [] if since is None else await clients.monitoring.closings(loop, since, project=project)


async def _decisions(asked: Asked, clients: AsyncMillrace, project: str, loop: str) -> list[DecisionRead]:
    """The newest decisions of each kind that is drawn."""
    questions = [
        asked.of(
            "registry",
            clients.registry.decisions(loop, kind, newest=NEWEST, project=project),
            list[DecisionRead](),
        )
        for kind in KINDS
    ]
    return [item for kind in await asyncio.gather(*questions) for item in kind]


async def _endpoint(clients: AsyncMillrace, project: str, loop: str) -> EndpointRead | None:
    """None is what a page does without; the endpoint of a loop is called as the loop is."""
    return await clients.serving.endpoint(loop, project=project)
