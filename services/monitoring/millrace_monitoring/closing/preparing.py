"""What a day is judged by, gathered before the judging: lineup, baselines, detectors, earlier losses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from millrace_contracts.monitors import MonitorWrite
from millrace_monitoring.closing import queries, states
from millrace_monitoring.closing.earlier import EarlierDays, Losses
from millrace_monitoring.closing.loading import load
from millrace_monitoring.closing.states import States
from millrace_monitoring.closing.stretch import Stretch
from millrace_monitoring.closing.versions import Version, items
from millrace_monitoring.detectors import drift, performance, switchback
from millrace_monitoring.detectors.performance import Watch
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
    known: Mapping[date, Profile]
    """Of earlier days, counted in the champion's slots, in order."""
    plan: Plan = field(default_factory=Plan)
    promoted: bool = False
    earlier: Losses = field(default_factory=dict)

    @property
    def window(self) -> list[Profile]:
        """Of the running window of drift."""
        return [self.known[day] for day in self.states.drift.window if day in self.known]

    @property
    def gathered(self) -> dict[date, Profile]:
        """Of the days that are gathered until each column has enough rows."""
        return {day: self.known[day] for day in self.states.quality.columns.days if day in self.known}


async def prepare(services: Services, stretch: Stretch, day: Day) -> Prepared:
    """Gather everything; graphs and baselines come from the registry unless they are here already."""
    monitor = stretch.monitor
    spec, project = monitor.declared, monitor.project
    wanted = items(stretch.lineup, spec.policy.switch_back.candidates)
    versions = [await load(services, project, item) for item in wanted]
    champion, before = versions[0], states.load(monitor.state)
    plan = slices.plan(spec.slices, spec.signature.inputs, champion.baseline)
    earlier = None if _goes_on(before, versions) else await _earlier(services, monitor, day)
    after = await _states(before, spec, versions, day, plan, earlier)
    return Prepared(
        versions,
        after,
        await _profiles(services, monitor, champion, _asked(after)),
        plan,
        promoted=bool(monitor.state) and before.champion != champion.number,
        earlier={} if earlier is None else earlier.scored,
    )


def carried(before: Prepared, day: date, judged: States, profile: Profile | None) -> Prepared:
    """The same for the day behind *day*, under the same lineup: nothing begins afresh.

    Args:
        judged: the states that *day* left; profile: what it looked like, None without rows.
    """
    known = before.known if profile is None else {**before.known, day: profile}
    asked = _asked(judged)
    return replace(
        before,
        states=judged,
        known={when: known[when] for when in asked if when in known},
        promoted=False,
        earlier={},
    )


def _asked(after: States) -> list[date]:
    """Earlier days whose profiles are judged together with the next one."""
    return sorted({*after.drift.window, *after.quality.columns.days})


def _goes_on(before: States, versions: Sequence[Version]) -> bool:
    """Whether neither a champion nor a pair begins, so that nobody asks for earlier days."""
    pairs = before.switchback.pairs
    return before.champion == versions[0].number and all(one.number in pairs for one in versions[1:])


async def _earlier(services: Services, monitor: Monitor, day: Day) -> EarlierDays:
    """The last closed days, with the losses that are known of them."""
    project, endpoint = monitor.project, monitor.endpoint
    async with services.readers() as session:
        closed = await queries.days(session, project, endpoint, until=day.date, limit=LOOK_BACK)
        since = closed[0].day if closed else None
        rows = await queries.losses(session, project, endpoint, since=since)
    stored = {(row.day, row.version, row.graph): DayLoss(row.n, row.loss) for row in rows}
    return EarlierDays(services, project, monitor.declared, closed, stored)


async def _states(
    states: States,
    spec: MonitorWrite,
    versions: Sequence[Version],
    day: Day,
    plan: Plan,
    earlier: EarlierDays | None,
) -> States:
    """The states so far, of the slices and pairs that are watched today; a new champion starts all afresh.

    Args:
        earlier: None: nothing begins.
    """
    if states.champion != versions[0].number:
        assert earlier is not None, "a new champion's detectors begin with earlier days"
        states = await _afresh(states, spec, versions[0], day, plan, earlier)
    names = {part.name for part in plan.slices}
    kept = {name: watch for name, watch in states.performance.slices.items() if name in names}
    normal = {name: counts for name, counts in states.quality.slices.items() if name in names}
    pairs = {}
    for archived in versions[1:]:
        pair = states.switchback.pairs.get(archived.number)
        if pair is None:
            assert earlier is not None, "a new pair begins with earlier days"
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
