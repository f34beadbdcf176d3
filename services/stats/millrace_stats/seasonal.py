"""Drift and performance in worlds with weeks, years, holidays, features that move together, and rows of few entities.

A world says how the days of many features differ; the scenarios are those of `measurements`, by the same rules.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from millrace_stats import drift, performance, worlds
from millrace_stats.measuring import Result, measure

YEAR, REFERENCE, FEATURES, ROWS = 365, 60, 24, 1000
HOLIDAYS = (*range(8, 10), 90, 110, 121, 159, 227, 250, 305, *range(358, 365))
"""Days of a year: single ones, a weekend, and a week at its end."""
SINGLE = tuple(day for day in HOLIDAYS if day < 358)
"""Those of them that make no week."""
ENTITIES, STAYS = 16, 0.9
Rng = np.random.Generator


@dataclass(frozen=True)
class Season:
    """How days differ, all in standard deviations of the days of one feature.

    Attributes:
        r: correlation of a day with the next.
        week: sd of what a weekday adds, for each feature its own.
        year: amplitude of a yearly wave, each feature with its own phase.
        holiday: sd of what a holiday adds, for each feature its own. off: days of the year that are holidays.
        together: share of the variance of days that all features have in common.
        entities: days are mixtures of the rows of few entities, which come and stay for some ten days.
    """

    name: str
    r: float = 0.5
    week: float = 0.0
    year: float = 0.0
    holiday: float = 0.0
    off: tuple[int, ...] = HOLIDAYS
    together: float = 0.0
    entities: bool = False

    def levels(self, draw: Rng, features: int, span: int) -> np.ndarray:
        """Each day's level, shape (features, span)."""
        own, common = worlds.days(draw, features, span, self.r), worlds.days(draw, 1, span, self.r)
        levels = np.sqrt(1 - self.together) * own + np.sqrt(self.together) * common
        day, first = np.arange(span), int(draw.integers(YEAR))
        levels += self.week * draw.normal(size=(features, 7))[:, day % 7]
        levels += self.year * np.sin(2 * np.pi * (day / YEAR + draw.random((features, 1))))
        there = np.isin((first + day) % YEAR, self.off)
        return np.asarray(levels + self.holiday * draw.normal(size=(features, 1)) * there)

    def counts(self, draw: Rng, span: int, moved: np.ndarray, features: int = FEATURES) -> np.ndarray:
        """Daily counts, shape (features, span, bins).

        Args:
            moved: what is added to each day of the first feature, shape (span,).
        """
        if self.entities:
            return _of_entities(draw, features, span, moved)
        levels = self.levels(draw, features, span)
        levels[0] += moved
        return worlds.histograms(draw, levels, ROWS)


def _of_entities(draw: Rng, features: int, span: int, moved: np.ndarray) -> np.ndarray:
    """Of two-state chains, one an entity, whose rows have a level of their own in each feature."""
    there = np.empty((ENTITIES, span), bool)
    there[:, 0] = draw.random(ENTITIES) < 0.5
    for day in range(1, span):
        there[:, day] = there[:, day - 1] ^ (draw.random(ENTITIES) >= STAYS)
    there[0] |= ~there.any(0)
    level = 2.0 * draw.normal(size=(features, ENTITIES, 1)) + np.zeros(span)
    level[0] += moved
    rows = ROWS // np.maximum(there.sum(0), 1)
    found = np.zeros((features, span, worlds.ROW_BINS), np.int64)
    for entity in range(ENTITIES):
        on = np.flatnonzero(there[entity])
        for size in np.unique(rows[on]):
            days = on[rows[on] == size]
            found[:, days] += worlds.histograms(draw, level[:, entity, days], int(size))
    return found


SEASONS = (
    Season("days like their neighbours, r=0.5"),
    Season("days like their neighbours, r=0.7", r=0.7),
    Season("weekdays of 1.5 day-sd", week=1.5),
    Season("weekdays of 1.5 day-sd, r=0.7", r=0.7, week=1.5),
    Season("holidays of 3 day-sd", holiday=3.0),
    Season("features that share half of the days' variance", together=0.5),
    Season("features that share nine tenths of it, r=0.7", r=0.7, together=0.9),
    Season("weeks, holidays, shared days, r=0.7", r=0.7, week=1.5, holiday=3.0, together=0.5),
    Season("rows of 16 entities that come and go", entities=True),
    Season("a yearly wave of 2 day-sd", year=2.0),
)


def drifted(
    draw: Rng,
    season: Season,
    window: int,
    shift: float = 0.0,
    start: int = 0,
    renewed: int = 0,
    rate: float = drift.RATE,
) -> float | None:
    """A year of 24 features, the first of which moves by *shift*: days from the move to the first alarm after it.

    Args:
        start: live days before the move, fewer than a window.
        renewed: the reference is renewed each so many days, as by a new version; 0 for never.
        rate: false alarms a year that are asked for.
    """
    moved = np.where(np.arange(REFERENCE + YEAR) >= REFERENCE + start, shift, 0.0)
    counts = {f"x{n:02d}": values for n, values in enumerate(season.counts(draw, REFERENCE + YEAR, moved))}
    last = REFERENCE + YEAR
    for since in range(REFERENCE, last, renewed or YEAR):
        ends = range(since + window, min(since + (renewed or YEAR), last) + 1, window)

        def judge(end: int, since: int = since) -> drift.Window:
            return judged(counts, since, end - window, end, rate=rate)

        found = first_alarm(ends, judge)
        if found is not None:
            return float(found - REFERENCE - start)
    return None


def first_alarm(ends: Sequence[int], judge: Callable[[int], drift.Window]) -> int | None:
    """Where the first two windows in a row end that alarm, of windows that end so; None if none do.

    Every second one is judged first: those beside it matter only where it fires.
    """
    at = lru_cache(maxsize=None)(judge)
    for place in range(1, len(ends), 2):
        if not at(ends[place]).firing:
            continue
        for end, following in pairwise(ends[place - 1 : place + 2]):
            if drift.alarms(at(end), at(following)):
                return following
    return None


def judged(
    counts: dict[str, np.ndarray],
    since: int,
    begin: int,
    end: int,
    reference: int = REFERENCE,
    rate: float = drift.RATE,
) -> drift.Window:
    """Daily counts from *begin* to before *end*, judged by the *reference* days before *since*."""
    normal, current = slice(since - reference, since), slice(begin, end)
    weekdays = np.arange(end) % 7
    return drift.judge(
        {name: values[normal] for name, values in counts.items()},
        {name: values[current] for name, values in counts.items()},
        rate=rate,
        weekdays=(weekdays[normal], weekdays[current]),
    )


def risen(draw: Rng, season: Season, reference: int = REFERENCE, rise: float = 0.0) -> float | None:
    """A year of daily error rates of about a tenth, whose logits have the season's days: the first alarm.

    Args:
        rise: added to the true rate from the first live day on.
    """
    level = season.levels(draw, 1, reference + YEAR)[0]
    rates = 1 / (1 + np.exp(-(np.log(1 / 9) + worlds.ERROR_SPREAD * level)))
    rates[reference:] += rise
    losses = draw.binomial(worlds.LABELS, rates) / worlds.LABELS
    weekdays = np.arange(reference + YEAR) % 7
    frozen = performance.Reference.fit(losses[:reference], weekdays=weekdays[:reference])
    watch = performance.Detector(frozen, performance.threshold(0.01))
    for day, loss in enumerate(losses[reference:], start=1):
        watch.update(float(loss) - frozen.added(int(weekdays[reference + day - 1])))
        if watch.alarm:
            return float(day)
    return None


def drifts(scale: float) -> Iterator[Result]:
    """Alarms of drift in vain, and how soon one feature of 24 is found; half the repeats for the shorter windows, whose
    years take twice as long."""
    for window, repeats in ((14, 200), (7, 100)):
        for season in SEASONS:
            name = f"no drift, {season.name}, windows of {window} days, alarm within a year"
            yield measure(name, int(repeats * scale), drifted, season, window)
    wave = SEASONS[-1]
    name = (
        f"no drift, {wave.name}, the reference renewed every 30 days, windows of 14 days, alarm within a year"
    )
    yield measure(name, int(200 * scale), drifted, wave, 14, 0.0, 0, 30)
    for window, repeats in ((14, 200), (7, 100)):
        for season in (SEASONS[0], SEASONS[2], SEASONS[5]):
            for start in (0, 5):
                since = f" on the {start}th day of a window" if start else ""
                name = f"1 of 24 moves by 2 day-sd{since}, {season.name}, windows of {window} days"
                yield measure(name, int(repeats * scale), drifted, season, window, 2.0, start, unit="days")


def curve(scale: float) -> Iterator[Result]:
    """What fewer false alarms cost in days, by the rate that is asked for and the window."""
    for window in (7, 14, 28):
        for rate in (0.03, 0.1, 0.3):
            given = f"asked for {rate} a year, windows of {window} days"
            name = f"{given}: no drift, r=0.7, alarm within a year"
            yield measure(name, int(200 * scale), drifted, SEASONS[1], window, 0.0, 0, 0, rate)
            name = f"{given}: 1 of 24 moves by 2 day-sd, r=0.5"
            yield measure(name, int(200 * scale), drifted, SEASONS[0], window, 2.0, 0, 0, rate, unit="days")


LOSSES = (
    Season("days like their neighbours, r=0.4", r=0.4),
    Season("weekdays of 1.5 day-sd, r=0.4", r=0.4, week=1.5),
    Season("weekdays of 3 day-sd, r=0.4", r=0.4, week=3.0),
    Season("days like their neighbours, r=0.7", r=0.7),
    Season("single holidays of 3 day-sd, r=0.4", r=0.4, holiday=3.0, off=SINGLE),
    Season("weekdays and single holidays, r=0.4", r=0.4, week=1.5, holiday=3.0, off=SINGLE),
    Season("holidays of 3 day-sd, r=0.4", r=0.4, holiday=3.0),
    Season("weeks and holidays, r=0.4", r=0.4, week=1.5, holiday=3.0),
    Season("weeks and holidays, r=0.7", r=0.7, week=1.5, holiday=3.0),
    Season("a yearly wave of 2 day-sd, r=0.4", r=0.4, year=2.0),
)


def performances(scale: float) -> Iterator[Result]:
    """Alarms of performance in vain, and how soon a rise is found."""
    for season in LOSSES:
        for reference in (60, 28):
            name = f"no rise, {season.name}, {reference} reference days, alarm within a year"
            yield measure(name, int(1000 * scale), risen, season, reference)
    for season in LOSSES[:3]:
        name = f"error rate 10 % rises by 2 points, {season.name}, 60 reference days"
        yield measure(name, int(500 * scale), risen, season, REFERENCE, 0.02, unit="days")


GROUPS = {"seasons": drifts, "drift-curve": curve, "seasons-performance": performances}
