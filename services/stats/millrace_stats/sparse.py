"""How the rules do where rows are few, come by the week or month, or on weekdays only: worlds and scenarios."""

from collections.abc import Iterator

import numpy as np

from millrace_stats import drift, paired, performance, shares, worlds
from millrace_stats.measuring import Result, measure

Rng = np.random.Generator
YEAR = 365
FEATURES = 20
ENOUGH = 50
"""Rows from which a block of days is judged: the default of a monitor's quality policy."""
REFERENCE_DAYS = 60


def few_blocks(draw: Rng, r: float, blocks: int, difference: float, margin: float = 0.02) -> bool:
    """Whether a candidate passes on so many weeks or months; its true difference is *difference* margins."""
    champion, candidate = worlds.pairs(draw, blocks, r, 2 * margin, difference * margin)
    return _passed(candidate, champion, margin)


def alike(draw: Rng, months: int, days: int, by_month: bool, margin: float = 0.02) -> bool:
    """Whether a candidate as bad as the margin passes, when rows come on so many *days* of each month.

    What the two models differ by is the month's (sd of two margins) more than the day's (half of that).
    """
    champion, candidate = worlds.pairs(draw, months, 0.2, 2 * margin, margin)
    candidate = candidate[:, None] + margin * draw.normal(size=(months, days))
    champion = np.broadcast_to(champion[:, None], candidate.shape)
    if by_month:
        return _passed(candidate.mean(1), champion.mean(1), margin)
    return _passed(candidate.ravel(), champion.ravel(), margin)


def by_rows(draw: Rng, rows: int, difference: float, days: int = 14, margin: float = 0.02) -> bool:
    """Whether a candidate passes on days of about so many *rows*, whose losses are squared errors of normal ones."""
    champion, candidate = [], []
    for count in np.maximum(draw.poisson(rows, days), 1):
        error = draw.normal(size=count)
        other = np.sqrt(1 + difference * margin) * (error + 0.1 * draw.normal(size=count)) / np.sqrt(1.01)
        champion.append(float(np.mean(error**2)))
        candidate.append(float(np.mean(other**2)))
    return _passed(np.array(candidate), np.array(champion), margin)


def _passed(candidate: np.ndarray, champion: np.ndarray, margin: float) -> bool:
    """With three blocks as the least, which is the fewest that a gate may ask for."""
    rows = np.full(len(candidate), 1000)
    return paired.non_inferior(candidate, champion, rows, margin, 3).verdict == "passed"


def faulty(
    draw: Rng,
    rows: int,
    usual: float,
    now: float,
    features: int = FEATURES,
    plain: bool = False,
    empty: int = 0,
) -> float | None:
    """A year of features that are missing in a share *usual* of rows, the first from day 1 in *now*: first alarm.

    Days add up as in a monitor, for each feature by itself.

    Args:
        plain: a share above what is allowed is a fault, however few rows it is of.
        empty: so many of the features, but never the first, are missing in every row; their alarms are not counted.
    """
    total = rows * REFERENCE_DAYS
    normal = [sum(_missing(draw, usual, rows) for _ in range(REFERENCE_DAYS)) for _ in range(features)]
    truth = [now, *([usual] * (features - 1 - empty)), *([1.0] * empty)]
    block, gathered = np.zeros(features, np.int64), np.zeros(features, np.int64)
    for day, today in enumerate(draw.poisson(rows, YEAR), start=1):
        gathered += int(today)
        block += np.array([_missing(draw, share, int(today)) for share in truth])
        answers = [
            _judged(int(count), int(so_far), before, total, plain)
            for count, so_far, before in zip(block, gathered, normal, strict=True)
        ]
        if "fault" in answers[: features - empty]:
            return float(day)
        over = [
            answer == "fault" or shares.ends(int(so_far), ENOUGH, answer == "suspected")
            for answer, so_far in zip(answers, gathered, strict=True)
        ]
        block[over], gathered[over] = 0, 0
    return None


def _judged(count: int, rows: int, before: int, total: int, plain: bool) -> shares.Finding:
    """One feature of a block, with the allowance for missing values of a monitor's default policy."""
    normal = before / total
    allowed = max(3 * normal, normal + 0.05)
    if plain:
        return "fault" if rows >= ENOUGH and count > allowed * rows else "fine"
    return shares.above(count, rows, shares.expected(before, total), allowed, ENOUGH)


def _missing(draw: Rng, share: float, rows: int) -> int:
    """Rows without a value of so many; a day's share varies by a fifth of itself."""
    return int(draw.binomial(rows, min(draw.gamma(25, share / 25), 1.0) if 0 < share < 1 else share))


def drifted(
    draw: Rng,
    rows: int,
    window: int,
    shift: float = 0.0,
    features: int = 24,
    weekdays: bool = False,
    r: float = 0.2,
) -> float | None:
    """A year of days of so many *rows*: the day of the first drift alarm, with windows that grow until they may judge.

    Args:
        weekdays: rows come on five days a week, and each weekday has a level of its own.
    """
    span = REFERENCE_DAYS + YEAR
    levels = worlds.days(draw, features, span, r)
    if weekdays:
        levels += np.tile(draw.normal(0, 1.5, (features, 7)), (1, span // 7 + 1))[:, :span]
    levels[0, REFERENCE_DAYS:] += shift
    there = np.array([not weekdays or day % 7 < 5 for day in range(span)])
    counts = worlds.histograms(draw, levels, rows)
    normal = counts[:, :REFERENCE_DAYS][:, there[:REFERENCE_DAYS]]
    before, begun = None, list[int]()
    for day in np.flatnonzero(there[REFERENCE_DAYS:]) + REFERENCE_DAYS:
        begun.append(int(day))
        if len(begun) < window or len(begun) * rows < drift.MINIMUM_ROWS:
            continue
        names = [f"x{number:02d}" for number in range(features)]
        current = dict(zip(names, counts[:, begun], strict=True))
        kinds = np.flatnonzero(there[:REFERENCE_DAYS]) % 7, np.array(begun) % 7
        now = drift.judge(dict(zip(names, normal, strict=True)), current, weekdays=kinds)
        if drift.alarms(before, now):
            return float(day + 1 - REFERENCE_DAYS)
        before, begun = now, []
    return None


def risen(
    draw: Rng, rows: int, reference: int, reference_rows: int, rise: float = 0.0, add_up: bool = True
) -> float | None:
    """A regression's daily mean squared error, on so many *rows* a day: the day of the first alarm.

    Args:
        reference, reference_rows: days of the reference, and rows on each of them.
        rise: of the squared error from day 1 on, as a share.
        add_up: days with far fewer rows than the reference had add up; else each is a sample.
    """
    watch = performance.Detector(
        performance.Reference.fit(_errors(draw, reference, reference_rows, 0.0)), performance.threshold(0.01)
    )
    samples = performance.Samples(reference_rows if add_up else None)
    for day, loss in enumerate(_errors(draw, YEAR, rows, rise), start=1):
        sample = samples.take(rows, float(loss))
        if sample is not None:
            watch.update(sample)
            if watch.alarm:
                return float(day)
    return None


def _errors(draw: Rng, days: int, rows: int, rise: float) -> np.ndarray:
    """Daily means of squared normal errors whose size moves by a tenth from day to day: shape (days,)."""
    size = 1 + 0.1 * draw.normal(size=days)
    return (1 + rise) * size**2 * draw.chisquare(rows, days) / rows


def blocks(scale: float) -> Iterator[Result]:
    """The gate on weeks and months, on days that are alike, and on days of few rows."""
    for number in (3, 4, 6, 9, 12):
        for r in (0.0, 0.2, 0.4):
            name = f"candidate as bad as the margin passes, {number} weeks or months, r={r}"
            yield measure(name, int(4000 * scale), few_blocks, r, number, 1.0)
    for number in (3, 6, 12):
        name = f"candidate as good as the champion passes, {number} weeks or months, r=0.2"
        yield measure(name, int(4000 * scale), few_blocks, 0.2, number, 0.0)
    for months in (6, 12):
        for what, by_month in (("day", False), ("month", True)):
            name = f"candidate as bad as the margin passes, five days of each of {months} months, a block is a {what}"
            yield measure(name, int(4000 * scale), alike, months, 5, by_month)
    for rows in (1, 5, 20):
        name = f"candidate as bad as the margin passes, 14 days of about {_rows(rows)}"
        yield measure(name, int(4000 * scale), by_rows, rows, 1.0)


def qualities(scale: float) -> Iterator[Result]:
    """Quality alarms on few rows a day: false ones in a year, and how soon a fault is told."""
    for usual in (0.0, 0.02, 0.1):
        for rows in (1, 5, 20, 100):
            name = f"{FEATURES} features missing in {usual:.0%} of rows, {_rows(rows)} a day, alarm within a year"
            yield measure(name, int(300 * scale), faulty, rows, usual, usual)
    for rows in (1, 5, 20, 100):
        name = f"the same for 2%, {_rows(rows)} a day, shares compared plainly from {ENOUGH} rows on"
        yield measure(name, int(300 * scale), faulty, rows, 0.02, 0.02, FEATURES, True)
    for now in (1.0, 0.3):
        for rows in (1, 5, 20):
            name = f"one feature missing in {now:.0%} instead of 2%, {_rows(rows)} a day"
            yield measure(name, int(300 * scale), faulty, rows, 0.02, now, 1, unit="days")
    for rows in (1, 5, 20):
        name = f"one feature missing in 30% instead of 2%, beside one that is always missing, {_rows(rows)} a day"
        yield measure(name, int(300 * scale), faulty, rows, 0.02, 0.3, 2, False, 1, unit="days")


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def drifts(scale: float) -> Iterator[Result]:
    """Drift on few rows a day, and where each weekday is another."""
    for rows in (5, 20, 100):
        name = f"no drift, 24 features, {rows} rows a day, windows of 14 days, r=0.2, alarm within a year"
        yield measure(name, int(200 * scale), drifted, rows, 14)
        name = f"drift of 4 day-sd in 1 of 24 features, {rows} rows a day, r=0.2"
        yield measure(name, int(100 * scale), drifted, rows, 14, 4.0, unit="days")
    for window in (3, 5, 14):
        name = f"no drift, weekdays only and each of its own, windows of {window} days, 200 rows, alarm within a year"
        yield measure(name, int(100 * scale), drifted, 200, window, 0.0, 24, True)


def performances(scale: float) -> Iterator[Result]:
    """Performance on few labels a day, and on fewer than the reference had."""
    for rows, before in ((1, 1), (5, 5), (20, 20), (300, 1000), (20, 1000), (5, 1000)):
        name = f"no rise, {rows} labels a day after 28 days of {before:,}, alarm within a year"
        yield measure(name, int(500 * scale), risen, rows, 28, before)
    for rows in (20, 5):
        name = f"the same, {rows} labels a day after 28 days of 1,000, every day a sample"
        yield measure(name, int(500 * scale), risen, rows, 28, 1000, 0.0, False)
    for rows, before in ((1, 1), (5, 5), (20, 20), (20, 1000)):
        name = f"squared error doubles, {rows} labels a day after 28 days of {before:,}"
        yield measure(name, int(300 * scale), risen, rows, 28, before, 1.0, unit="days")


GROUPS = {"blocks": blocks, "few-quality": qualities, "few-drift": drifts, "few-performance": performances}
