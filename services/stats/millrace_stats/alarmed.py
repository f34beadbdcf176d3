"""The run of a performance alarm: what it lets pass after a rise, and where nothing has risen.

Daily losses of about 1 that move by a tenth, 60 reference days and a year, r=0.4. Detector, days that are judged and
proof are production's. Beside the rule stand others that would choose these days or ask for their proof differently.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from millrace_stats import paired, worlds
from millrace_stats.evidence import Floats
from millrace_stats.measuring import SEED, Result
from millrace_stats.performance import (
    CLIP,
    LAMBDAS,
    ONSET_DAYS,
    SINCE_DAYS,
    Detector,
    Reference,
    risen_for,
    threshold,
)

YEAR, HALF_YEAR, REFERENCE, HELD = 365, 183, 60, 28
R, SPREAD, MARGIN = 0.4, 0.1, 0.02
RISE, BETTER = 0.2, -0.1
"""Of the champion's loss, and of the candidate's against it from the rise on; as good before."""
AFTER = 7
"""Days that the rule waits which judges nothing of what the alarm has seen."""
BATCH = 1000
ALIKE = {"nine tenths in common": 0.9, "half in common": 0.5}
"""Correlation of what moves the losses of champion and candidate."""
Rng = np.random.Generator


@dataclass(frozen=True)
class Alarm:
    """The *day* on which it was raised, a place in its series, and for how many days losses had been high by then."""

    day: int
    rising: int


@dataclass(frozen=True)
class Rule:
    """Which days the run of an alarm judges, the chance of error of its proof, and for how many days it waits."""

    name: str
    days: Callable[[Alarm], slice]
    error: float = paired.ERROR
    waits: int = 0


def since_the_rise(alarm: Alarm) -> slice:
    """As the controller does: seven days at the least, and all of a holdout that the rise is as long as."""
    known = max(alarm.rising, SINCE_DAYS)
    return slice(alarm.day + 1 - min(known, HELD), alarm.day + 1)


def whole_holdout(alarm: Alarm) -> slice:
    return slice(alarm.day + 1 - HELD, alarm.day + 1)


def days_after(alarm: Alarm) -> slice:
    return slice(alarm.day + 1, alarm.day + 1 + AFTER)


DECIDED = Rule("days since the rise", since_the_rise)
RULES = (
    DECIDED,
    Rule("the whole holdout", whole_holdout),
    Rule("days since the rise, an error of 0.5 %", since_the_rise, error=0.005),
    Rule(f"only the {AFTER} days after the alarm", days_after, waits=AFTER),
)


@dataclass(frozen=True)
class Watched:
    """A champion's *moves* in standard deviations of a day, what it *loses*, and its alarms."""

    moves: Floats
    loses: Floats
    alarms: tuple[Alarm, ...]


def alarms(losses: Floats, level: float) -> tuple[Alarm, ...]:
    """Alarms of one series, (days,), of which the first REFERENCE are the reference; after each it starts afresh."""
    frozen, found, scores = Reference.fit(losses[:REFERENCE]), list[Alarm](), list[float]()
    watch = Detector(frozen, level)
    for day, loss in enumerate(losses.tolist()[REFERENCE:], start=REFERENCE):
        watch.update(loss)
        scores.append(frozen.score(loss))
        if watch.alarm:
            found.append(Alarm(day, risen_for(scores[-ONSET_DAYS:])))
            watch = Detector(frozen, level)
    return tuple(found)


def suspects(losses: Floats, level: float) -> list[int]:
    """Which series, (series, days), may raise an alarm: the detector's recursion, of all of them at once.

    What alarms is decided by the detector itself; rounding alone may part the two, so nine tenths of *level* count.
    """
    frozen = [Reference.fit(item[:REFERENCE]) for item in losses]
    mean, scale, tolerance = (
        np.array([getattr(item, name) for item in frozen])[:, None] for name in ("mean", "scale", "tolerance")
    )
    scores = np.clip((losses[:, REFERENCE:] - mean) / scale, -CLIP, CLIP) - tolerance
    rates, values = np.array(LAMBDAS), np.zeros((len(losses), len(LAMBDAS)))
    highest = np.zeros(len(losses))
    for day in range(scores.shape[1]):
        values = np.minimum((values + 1) * np.exp(rates * scores[:, day, None] - rates**2 / 2), 1e12)
        highest = np.maximum(highest, values.mean(axis=1))
    return np.flatnonzero(highest >= 0.9 * level).tolist()


def quiet(years: int, level: float) -> list[Watched]:
    """Those of so many years without a rise in which an alarm is raised all the same."""
    found = []
    for begin in range(0, years, BATCH):
        draw = np.random.default_rng([SEED, 11, begin])
        moves = worlds.days(draw, min(BATCH, years - begin), REFERENCE + YEAR, R)
        losses = 1 + SPREAD * moves
        told = ((moves[at], losses[at], alarms(losses[at], level)) for at in suspects(losses, level))
        found += [Watched(*item) for item in told if item[2]]
    return found


def risen(repeats: int, level: float) -> list[Watched]:
    """Half years whose losses rise on the first live day."""
    moves = worlds.days(np.random.default_rng([SEED, 12]), repeats, REFERENCE + HALF_YEAR, R)
    losses = 1 + SPREAD * moves + RISE * (np.arange(REFERENCE + HALF_YEAR) >= REFERENCE)
    return [Watched(one, lost, alarms(lost, level)) for one, lost in zip(moves, losses, strict=True)]


def passes(draw: Rng, watched: Watched, alarm: Alarm, rule: Rule, alike: float, loses: Floats) -> bool | None:
    """Whether the run of an alarm lets a candidate pass that usually *loses* so much on each day; None: the days that
    it waits for lie beyond the series.

    Args:
        alike: correlation of its moves with the champion's; both are AR(1) series of the same r.
    """
    days = rule.days(alarm)
    if days.stop > len(watched.loses):
        return None
    near = slice(alarm.day + 1 - HELD, alarm.day + 1 + AFTER)
    own = worlds.days(draw, 1, HELD + AFTER, R)[0][days.start - near.start : days.stop - near.start]
    moves = alike * watched.moves[days] + np.sqrt(1 - alike**2) * own
    candidate, champion, count = loses[days] + SPREAD * moves, watched.loses[days], len(own)
    rows = np.full(count, 1000)
    told = paired.non_inferior(candidate, champion, rows, MARGIN, minimum_blocks=count, error=rule.error)
    return told.verdict == "passed"


def answers(key: int, item: Watched, rule: Rule, alike: float, loses: Floats) -> Iterator[bool]:
    """What the run of each alarm of a series says, each about a candidate of its own; the same draws for every rule."""
    for alarm in item.alarms:
        draw = np.random.default_rng([SEED, 13, key, alarm.day])
        told = passes(draw, item, alarm, rule, alike, loses)
        if told is not None:
            yield told


def false_ones(years: int, level: float, rules: Sequence[Rule] = RULES) -> Iterator[Result]:
    """What passes where nothing has risen, of candidates that are as bad as the margin; and in how many years."""
    found = quiet(years, level)
    first = tuple(float(item.alarms[0].day + 1 - REFERENCE) for item in found)
    yield Result("no rise: a false alarm within a year", years, first)
    bad = np.full(REFERENCE + YEAR, 1 + MARGIN)
    for what, rule, alike in _ways(rules):
        told = [list(answers(key, item, rule, alike, bad)) for key, item in enumerate(found)]
        runs, passed = sum(map(len, told)), sum(map(sum, told))
        yield _share(f"false alarm: a candidate as bad as the margin passes, {what}", max(runs, 1), passed)
        yield _share(f"such a promotion within a year, {what}", years, sum(map(any, told)))


def true_ones(repeats: int, level: float, rules: Sequence[Rule] = RULES) -> Iterator[Result]:
    """What passes after a rise, and how many days behind it: a better candidate, and one as bad as the margin."""
    found, rose = risen(repeats, level), np.arange(REFERENCE + HALF_YEAR) >= REFERENCE
    usual = np.where(rose, 1 + RISE, 1.0)
    better, bad = np.where(rose, usual * (1 + BETTER), usual), usual * (1 + MARGIN)
    for what, rule, alike in _ways(rules):
        told = [_in_turn(key, item, rule, alike, better) for key, item in enumerate(found)]
        once = tuple(days[0] for days, passed in told if passed and len(days) == 1)
        ever = tuple(days[-1] for days, passed in told if passed)
        yield Result(f"rise: a better candidate passes in the first run, {what}", repeats, once, "days")
        yield Result(f"rise: a better candidate passes within half a year, {what}", repeats, ever, "days")
        worse = (next(answers(key, item, rule, alike, bad), False) for key, item in enumerate(found))
        yield _share(f"rise: one as bad as the margin passes in the first run, {what}", repeats, sum(worse))


def _in_turn(key: int, item: Watched, rule: Rule, alike: float, loses: Floats) -> tuple[list[float], bool]:
    """Days from the rise to each run up to the first that lets a candidate pass, and whether there is one."""
    days = list[float]()
    for alarm, passed in zip(item.alarms, answers(key, item, rule, alike, loses), strict=False):
        days.append(float(alarm.day + 1 - REFERENCE + rule.waits))
        if passed:
            return days, True
    return days, False


def _ways(rules: Sequence[Rule]) -> Iterator[tuple[str, Rule, float]]:
    """Every rule in every kind of world, with its words."""
    for words, alike in ALIKE.items():
        for rule in rules:
            yield f"{words}, {rule.name}", rule, alike


def _share(name: str, repeats: int, hits: int) -> Result:
    return Result(name, repeats, (1.0,) * hits)


def runs(scale: float) -> Iterator[Result]:
    """The table."""
    level = threshold(0.01)
    yield from false_ones(int(40_000 * scale), level)
    yield from true_ones(int(400 * scale), level)
