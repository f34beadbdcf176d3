"""Drift in windows that share no day: the champion's live days against its baseline's daily profiles."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, PlainSerializer

from millrace_contracts.closings import DriftScore, DriftStanding, DriftWindow, Gathered
from millrace_contracts.drift_windows import watched
from millrace_monitoring.alarms.findings import AlarmFinding, Ending
from millrace_monitoring.detectors.day import JudgedDay
from millrace_monitoring.profiles.baseline import Baseline
from millrace_stats import drift
from millrace_stats.profiles import Presence, Profile


def from_dict(stored: dict[str, Any]) -> drift.Window:
    """A window as `to_dict` keeps it in SQL."""
    return drift.Window(
        [drift.Score(**item) for item in stored["scores"]], stored["rows"], stored["observing"]
    )


def to_dict(window: drift.Window) -> dict[str, Any]:
    """The window for SQL: the highest scores first."""
    return {
        "rows": window.rows,
        "observing": window.observing,
        "firing": window.firing,
        "scores": [score.to_dict() for score in _ranked(window)],
    }


OTHER_SEASON = 30
"""Days of the calendar between a window and the nearest reference day of any year, above which an alarm says that the
season may be all that it found."""
YEAR = 365

StoredWindow = Annotated[
    drift.Window,
    BeforeValidator(lambda stored: stored if isinstance(stored, drift.Window) else from_dict(stored)),
    PlainSerializer(to_dict),
]


@dataclass(frozen=True)
class DriftState:
    """Days of the running window, and the last full one."""

    window: tuple[date, ...] = ()
    before: drift.Window | None = None


@dataclass(frozen=True)
class DriftFinding:
    """PSI of the running window, its judgement on the day on which it is full, and what calls for action."""

    told: DriftStanding = field(default_factory=DriftStanding)
    alarms: tuple[AlarmFinding, ...] = ()
    endings: frozenset[Ending] = frozenset()


def judge(day: JudgedDay, state: DriftState) -> tuple[DriftFinding, DriftState]:
    """PSI of the running window each day; a judgement when it is full; an alarm after two in a row."""
    if day.profile is None:
        return DriftFinding(), state
    policy = day.policy.drift
    days = [*day.window, day.profile]
    dates = (*state.window, day.date)
    told = DriftStanding(days=len(days), psi=scores(days, day.baseline))
    rows = sum(one.rows for one in days)
    if len(days) < policy.window_days or rows < policy.minimum_rows:
        if len(days) >= policy.window_days:
            lacking = Gathered(rows=rows, wanted=policy.minimum_rows, since=dates[0])
            told = told.model_copy(update={"gathered": lacking})
        return DriftFinding(told), DriftState(dates, state.before)
    window = of_window(days, day.baseline, day.faulty, policy.psi, dates)
    told = told.model_copy(update={"window": _told(window, dates[0])})
    names = drift.alarms(state.before, window)
    after = DriftState((), window)
    if not names:
        return DriftFinding(told, (), frozenset({Ending("drift")})), after
    season = of_season(day.baseline.dates, dates)
    return DriftFinding(told, (_alarm(window, names, len(days), rows, season),)), after


def of_season(reference: Sequence[date], window: Sequence[date]) -> str:
    """Words for an alarm whose window lies in a season that no reference day knows; else none.

    A yearly wave is a true move away from a reference of two months, in which nothing tells it from another one.
    """
    if not reference or not window:
        return ""
    middle = window[len(window) // 2].timetuple().tm_yday
    apart = np.abs(np.array([day.timetuple().tm_yday for day in reference]) - middle)
    if int(np.minimum(apart, YEAR - apart).min()) <= OTHER_SEASON:
        return ""
    first, last = min(reference), max(reference)
    return f"; the reference knows only {first} to {last}, so it may be the season"


def _alarm(window: drift.Window, names: list[str], days: int, rows: int, season: str) -> AlarmFinding:
    firing = {score.feature: asdict(score) for score in window.scores if score.feature in names}
    listed = ", ".join(f"{watched(name)} (PSI {firing[name]['psi']:.2f})" for name in names)
    reason = f"drift in two windows of {days} days in a row: {listed}{season}"
    return AlarmFinding("drift", "drift", reason, {"features": firing, "rows": rows})


def _told(window: drift.Window, first: date) -> DriftWindow:
    ranked = [DriftScore(**score.to_dict()) for score in _ranked(window)]
    return DriftWindow(
        rows=window.rows, observing=window.observing, firing=window.firing, scores=ranked, from_=first
    )


def _ranked(window: drift.Window) -> list[drift.Score]:
    return sorted(window.scores, key=lambda score: (-score.psi, score.feature))


def features(baseline: Baseline, without: Iterable[str] = ()) -> list[str]:
    """What can drift: everything but timestamps, whose distribution moves by nature, and *without*."""
    hidden = set(without)
    return [
        name
        for name, slots in baseline.spec.features.items()
        if not isinstance(slots, Presence) and name not in hidden
    ]


def scores(days: Sequence[Profile], baseline: Baseline) -> dict[str, float]:
    """PSI of each feature over *days* against all reference days; empty without a reference."""
    by_feature = {}
    for name in features(baseline) if days else []:
        reference = baseline.reference(name)
        if reference is not None:
            current = sum((day.counts[name] for day in days[1:]), days[0].counts[name])
            by_feature[name] = _psi(baseline.told(name, reference), baseline.told(name, current))
    return by_feature


def _psi(reference: np.ndarray, current: np.ndarray) -> float:
    days = drift.joined(np.stack([current, reference]), int(min(current.sum(), reference.sum())))
    return drift.psi(days[1], days[0])


def of_window(
    days: Sequence[Profile],
    baseline: Baseline,
    without: Iterable[str],
    threshold: float,
    dates: Sequence[date] = (),
) -> drift.Window:
    """Judge one full window, weekdays beside their like where *dates* say which day each is.

    Left out are features with a quality fault, for the fault explains them, and predictions where the baseline has
    out-of-sample ones on only some of its days.
    """
    if not baseline.days:
        return drift.Window([], sum(day.rows for day in days), "the baseline has no reference days")
    names = [name for name in features(baseline, without) if baseline.is_daily(name)]
    reference = {name: baseline.told(name, baseline.daily(name)) for name in names}
    current = {name: baseline.told(name, np.stack([day.counts[name] for day in days])) for name in names}
    return drift.judge(
        reference, current, threshold=threshold, weekdays=_weekdays(baseline, dates, len(days))
    )


def _weekdays(baseline: Baseline, dates: Sequence[date], days: int) -> drift.Weekdays | None:
    if len(dates) != days or not baseline.dates:
        return None
    normal, current = (np.array([day.weekday() for day in each]) for each in (baseline.dates, dates))
    return normal, current
