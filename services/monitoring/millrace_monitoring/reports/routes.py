"""The report over HTTP."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from millrace_contracts.alarms import AlarmRead
from millrace_contracts.closings import ClosingRead
from millrace_contracts.decisions import DecisionRead
from millrace_contracts.estimates import Estimates
from millrace_contracts.fairness import FairnessWindow
from millrace_contracts.monitors import MonitorCounts, MonitorWrite
from millrace_core.auth import permit
from millrace_core.errors import NotFound, Unavailable
from millrace_core.names import Name, Project
from millrace_monitoring.alarms import queries as alarms
from millrace_monitoring.closing import groups, queries
from millrace_monitoring.closing.reading import read
from millrace_monitoring.closing.routes import Since, Until
from millrace_monitoring.estimates import telling
from millrace_monitoring.ingest import queries as ingest
from millrace_monitoring.ingest import segments
from millrace_monitoring.ingest.records import FIRST, LAST
from millrace_monitoring.monitors import counting
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.reports import known, predictions, scored
from millrace_monitoring.reports.page import page
from millrace_monitoring.services import CurrentServices, Services
from millrace_monitoring.tables import Closing, Monitor, Segment

router = APIRouter(prefix="/v1/monitors", tags=["reports"])
ALARMS = 200
TRIES = 3


@router.get(
    "/{endpoint}/report", dependencies=[permit("monitoring.reports.read")], response_class=HTMLResponse
)
async def report(
    endpoint: Name, project: Project, services: CurrentServices, since: Since = None, until: Until = None
) -> HTMLResponse:
    """One self-contained HTML page about the endpoint."""
    async with services.readers() as session:
        monitor = await monitors.get(session, project, endpoint)
        closed = await queries.days(session, project, endpoint, since, until)
        raised = await alarms.page(session, project, endpoint, None, None, ALARMS)
        counted = counting.totals(monitor, await monitors.counts(session, project, endpoint))
    files = [(day, await services.store.read(digest)) for day, digest in _last(closed)]
    told = None
    if monitor.declared.event_time is None or not closed:
        told = await _known(services, monitor, project, counted)
    listed = [AlarmRead.model_validate(alarm) for alarm in raised]
    days = [read(item) for item in closed]
    scorings = await scored.read(services.clients, endpoint, project)
    expected = (await telling.tell(services, project, endpoint, 1)).between(since, until)
    work = (
        endpoint,
        monitor.declared,
        days,
        files,
        listed,
        scorings,
        told,
        groups.over(monitor.declared, closed),
        expected,
    )
    text = await asyncio.to_thread(_page, *work)
    return HTMLResponse(text)


@dataclass(frozen=True)
class Known:
    """What there is to say of an endpoint whose days say little."""

    judged: known.Judged | None
    counts: MonitorCounts
    tables: Sequence[pa.Table]


async def _known(services: Services, monitor: Monitor, project: str, counts: MonitorCounts) -> Known:
    judged = await known.judged(services.clients, monitor.declared, project)
    return Known(judged, counts, await _tables(services, project, monitor.endpoint))


async def _tables(services: Services, project: str, endpoint: str) -> list[pa.Table]:
    """Rows of days that have not closed; files that are merged while they are read are listed anew."""
    for _ in range(TRIES):
        async with services.readers() as session:
            waiting = await ingest.spanning(session, project, endpoint, FIRST, LAST)
        with contextlib.suppress(NotFound):
            return [segments.load(await services.store.read(item.digest)) for item in _newest(waiting)]
    raise Unavailable(f"Rows of {endpoint} are being put together. Load the page again.")


def _newest(waiting: Sequence[Segment]) -> list[Segment]:
    """The last segments, in order; only so many rows."""
    kept, rows = list[Segment](), known.ROWS
    for item in reversed(waiting):
        rows -= item.rows
        if rows < 0 and kept:
            break
        kept.append(item)
    return kept[::-1]


def _last(closed: Sequence[Closing]) -> list[tuple[date, str]]:
    """Day and file of the last closed days that have rows, in order; only so many rows."""
    kept: list[tuple[date, str]] = []
    rows = predictions.ROWS
    for item in reversed(closed):
        rows -= item.rows
        if item.digest is not None and item.rows and rows >= 0 and len(kept) < predictions.DAYS:
            kept.append((item.day, item.digest))
    return kept[::-1]


def _page(
    endpoint: str,
    spec: MonitorWrite,
    days: list[ClosingRead],
    files: list[tuple[date, bytes]],
    listed: list[AlarmRead],
    scorings: list[DecisionRead] | None,
    told: Known | None,
    window: FairnessWindow,
    expected: Estimates,
) -> str:
    logged = predictions.read(spec, files)
    more = []
    if told is not None:
        more = known.sections(told.judged, told.counts, logged, known.asked(spec, told.tables))
    return page(endpoint, spec, days, logged, listed, scorings, more, window, expected)
