"""What a day is judged by, gathered before the judging: lineup, baselines, detectors, earlier losses."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from millrace.client.transport import ApiError
from millrace_core.database import AsyncSession
from millrace_core.errors import MillraceError
from millrace_monitoring.closing import queries
from millrace_monitoring.closing.rows import of_file
from millrace_monitoring.closing.versions import Version, items, version
from millrace_monitoring.comparisons import switchback
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.monitors.watermark import Day, day_of
from millrace_monitoring.performance import losses
from millrace_monitoring.performance.detector import Watch
from millrace_monitoring.performance.losses import DayLoss
from millrace_monitoring.profiles import daily
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Closing, Monitor
from millrace_stats.paired import SCALE_DAYS
from millrace_stats.profiles import Profile

LOOK_BACK = 60
"""Closed days in which earlier days are looked for that neither version of a pair has seen."""
Earlier = dict[tuple[date, int, str], DayLoss]


@dataclass
class Prepared:
    """Versions (champion first), the state before the day, the running drift window, and new earlier losses."""

    versions: list[Version]
    state: dict[str, Any]
    window: list[Profile]
    promoted: bool = False
    earlier: Earlier = field(default_factory=dict)


async def prepare(services: Services, monitor: Monitor, day: Day) -> Prepared:
    """Gather everything; graphs and baselines come from the registry unless they are here already."""
    candidates = monitor.spec["policy"]["switch_back"]["candidates"]
    async with services.readers() as session:
        lineup = await monitors.lineup(session, monitor.project, monitor.endpoint, day.end)
        assert lineup is not None, "a monitor is declared with a lineup"
        known = await _known(session, monitor)
        closed = await queries.days(
            session, monitor.project, monitor.endpoint, until=day.date, limit=LOOK_BACK
        )
    versions = [await _version(services, monitor.project, item) for item in items(lineup, candidates)]
    prepared = _state(monitor, versions, day, closed)
    for archived in versions[1:]:
        if str(archived.number) not in prepared.state["pairs"]:
            differences = await _differences(
                services, monitor, versions[0], archived, closed, known, prepared.earlier
            )
            policy = monitor.spec["policy"]["switch_back"]
            started = switchback.start(len(versions) - 1, policy, differences)
            prepared.state["pairs"][str(archived.number)] = started
    return prepared


async def _known(session: AsyncSession, monitor: Monitor) -> Earlier:
    rows = await queries.losses(session, monitor.project, monitor.endpoint)
    return {(row.day, row.version, row.graph): DayLoss(row.n, row.loss) for row in rows}


async def _version(services: Services, project: str, item: dict[str, Any]) -> Version:
    """Load graph and baseline; what the registry does not have, or cannot run, makes the version *broken*."""
    made = version(item)
    made = replace(made, broken=await _wrong(services.graphs.load(project, made.model)))
    if made.broken is None and made.baseline_digest is not None:
        made = replace(made, broken=await _wrong(services.baselines.read(project, made.baseline_digest)))
    digest = made.baseline_digest
    return (
        made
        if digest is None or made.broken
        else replace(made, baseline=await services.baselines.read(project, digest))
    )


async def _wrong(loading: Awaitable[object]) -> str | None:
    """Why a file cannot be had, ever; None when it was loaded.

    Raises: httpx.TransportError or ApiError while the registry is away or busy; the pass then tries again.
    """
    try:
        await loading
    except ApiError as error:
        if error.status >= 500 or error.status in (401, 403, 408, 429):
            raise
        return str(error)
    except (ValueError, MillraceError) as error:
        return str(error)
    return None


def _state(monitor: Monitor, versions: list[Version], day: Day, closed: list[Closing]) -> Prepared:
    """The state so far; a new champion starts all detectors afresh."""
    champion, state = versions[0], dict(monitor.state)
    promoted = bool(state) and state.get("champion") != champion.number
    if state.get("champion") != champion.number:
        policy = monitor.spec["policy"]["performance"]
        state = {
            "champion": champion.number,
            "since": day.date.isoformat(),
            "watch": Watch.start(champion.baseline.loss_values(), policy).to_dict(),
            "pairs": {},
            "window": [],
            "drift_before": None,
            "shares": state.get("shares", []),
        }
    numbers = {str(item.number) for item in versions[1:]}
    state["pairs"] = {number: pair for number, pair in state["pairs"].items() if number in numbers}
    profiles = {item.day.isoformat(): item.profile for item in closed if item.profile is not None}
    loaded = [daily.load(profiles[name]) for name in state["window"] if name in profiles]
    window = [item for item in loaded if item.spec == champion.baseline.spec.digest]
    return Prepared(versions, state, window, promoted)


async def _differences(
    services: Services,
    monitor: Monitor,
    champion: Version,
    archived: Version,
    closed: list[Closing],
    known: Earlier,
    earlier: Earlier,
) -> list[float]:
    """Daily differences champion - archived on the last days that neither graph had seen, in order."""
    if champion.broken or archived.broken:
        return []
    zone = ZoneInfo(monitor.spec["timezone"])
    days = [(item, _graphs(item, zone, champion, archived)) for item in closed if item.digest is not None]
    differences = []
    for item, graphs in [entry for entry in days if entry[1] is not None][-SCALE_DAYS:]:
        assert graphs is not None
        pair = zip((champion, archived), graphs, strict=True)
        scored = [await _loss(services, monitor, item, one, graph, known, earlier) for one, graph in pair]
        if scored[0] is not None and scored[1] is not None:
            differences.append(scored[0].loss - scored[1].loss)
    return differences


def _graphs(item: Closing, zone: ZoneInfo, champion: Version, archived: Version) -> tuple[str, str] | None:
    """The graph of each that had not seen the day, or None if one had."""
    if champion.trained_through is None or archived.trained_through is None:
        return None
    day = day_of(datetime.fromisoformat(item.item["from"]), zone)
    first, second = champion.graph(day, zone), archived.graph(day, zone)
    return (first, second) if first and second else None


async def _loss(
    services: Services,
    monitor: Monitor,
    item: Closing,
    one: Version,
    graph: str,
    known: Earlier,
    earlier: Earlier,
) -> DayLoss | None:
    """Loss of a version's graph on a closed day: known, or scored now on the day's file."""
    key = (item.day, one.number, graph)
    if key in known or key in earlier:
        return known.get(key) or earlier[key]
    broken = await _wrong(services.graphs.load(monitor.project, one.digest(graph)))
    if broken is not None or item.digest is None:
        return None
    data = await services.store.read(item.digest)
    found = await asyncio.to_thread(_score, services, monitor.spec, data, one.digest(graph))
    if found is not None:
        earlier[key] = found
    return found


def _score(services: Services, spec: dict[str, Any], data: bytes, digest: str) -> DayLoss | None:
    columns, labels = of_file(table_of(data), spec["signature"]["inputs"])
    predictions = services.graphs.score(digest, columns, len(labels))
    return losses.of_day(losses.of_rows(spec["task"], predictions, labels))


def table_of(data: bytes) -> pa.Table:
    """The table of a day's file."""
    return pq.read_table(pa.BufferReader(data))
