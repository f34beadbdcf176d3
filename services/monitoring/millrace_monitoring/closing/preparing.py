"""What a day is judged by, gathered before the judging: lineup, baselines, detectors, earlier losses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from millrace_contracts.monitors import MonitorWrite
from millrace_core.database import AsyncSession
from millrace_monitoring.closing import queries, states
from millrace_monitoring.closing.earlier import EarlierDays, Losses
from millrace_monitoring.closing.loading import load
from millrace_monitoring.closing.states import States
from millrace_monitoring.closing.versions import Version, items
from millrace_monitoring.detectors import drift, performance, switchback
from millrace_monitoring.detectors.performance import Watch
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.monitors.watermark import Day
from millrace_monitoring.profiles import daily, slices
from millrace_monitoring.profiles.losses import DayLoss
from millrace_monitoring.profiles.slices import Plan
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Monitor
from millrace_stats.profiles import Profile

LOOK_BACK = 60
"""Closed days in which earlier days are looked for that neither version of a pair has seen."""


@dataclass(frozen=True)
class Prepared:
    """Versions (champion first), the states before the day, earlier days judged with it, new earlier losses."""

    versions: Sequence[Version]
    states: States
    window: Sequence[Profile]
    gathered: Mapping[date, Profile] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    promoted: bool = False
    earlier: Losses = field(default_factory=dict)


async def prepare(services: Services, monitor: Monitor, day: Day) -> Prepared:
    """Gather everything; graphs and baselines come from the registry unless they are here already."""
    spec, project = monitor.declared, monitor.project
    async with services.readers() as session:
        lineup = await monitors.lineup(session, project, monitor.endpoint, day.end)
        assert lineup is not None, "a monitor is declared with a lineup"
        stored = await _stored(session, monitor)
        closed = await queries.days(session, project, monitor.endpoint, until=day.date, limit=LOOK_BACK)
    wanted = items(lineup, spec.policy.switch_back.candidates)
    versions = [await load(services, project, item) for item in wanted]
    champion, before = versions[0], states.load(monitor.state)
    plan = slices.plan(spec.slices, spec.signature.inputs, champion.baseline)
    earlier = EarlierDays(services, project, spec, closed, stored)
    after = await _states(before, spec, versions, day, plan, earlier)
    return Prepared(
        versions,
        after,
        list((await _profiles(services, monitor, champion, after.drift.window)).values()),
        await _profiles(services, monitor, champion, after.quality.columns.days),
        plan,
        promoted=bool(monitor.state) and before.champion != champion.number,
        earlier=earlier.scored,
    )


async def _stored(session: AsyncSession, monitor: Monitor) -> Losses:
    rows = await queries.losses(session, monitor.project, monitor.endpoint)
    return {(row.day, row.version, row.graph): DayLoss(row.n, row.loss) for row in rows}


async def _states(
    states: States,
    spec: MonitorWrite,
    versions: Sequence[Version],
    day: Day,
    plan: Plan,
    earlier: EarlierDays,
) -> States:
    """The states so far, of the slices and pairs that are watched today; a new champion starts all afresh."""
    if states.champion != versions[0].number:
        states = await _afresh(states, spec, versions[0], day, plan, earlier)
    names = {part.name for part in plan.slices}
    kept = {name: watch for name, watch in states.performance.slices.items() if name in names}
    normal = {name: counts for name, counts in states.quality.slices.items() if name in names}
    pairs = {}
    for archived in versions[1:]:
        pair = states.switchback.pairs.get(archived.number)
        if pair is None:
            differences = await earlier.differences(versions[0], archived)
            pair = switchback.start(len(versions) - 1, spec.policy.switch_back, differences)
        pairs[archived.number] = pair
    return replace(
        states,
        performance=replace(states.performance, slices=kept),
        quality=replace(states.quality, slices=normal),
        switchback=switchback.SwitchBackState(pairs),
    )


async def _afresh(
    before: States, spec: MonitorWrite, champion: Version, day: Day, plan: Plan, earlier: EarlierDays
) -> States:
    """A new champion's; only the usual share of labels, and what stands of all records, outlive the old one."""
    policy = spec.policy.performance
    shared = performance.share_rate(policy, len(plan.slices))
    series = await earlier.of_slices(champion, plan)
    watches = {name: Watch.start(losses, shared, "earlier days") for name, losses in series.items()}
    return States(
        champion=champion.number,
        since=day.date,
        quality=before.quality.afresh(),
        performance=performance.PerformanceState.start(champion.baseline, watches, policy),
        switchback=switchback.SwitchBackState(),
        drift=drift.DriftState(),
    )


async def _profiles(
    services: Services, monitor: Monitor, champion: Version, days: Sequence[date]
) -> dict[date, Profile]:
    """Profiles of those of these days that were counted in the champion's slots, in order."""
    if not days:
        return {}
    async with services.readers() as session:
        kept = await queries.profiles(session, monitor.project, monitor.endpoint, days)
    loaded = {day: daily.load(kept[day]) for day in days if day in kept}
    return {day: item for day, item in loaded.items() if item.spec == champion.baseline.spec.digest}
