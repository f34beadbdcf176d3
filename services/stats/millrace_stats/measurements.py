"""How often do the rules err, and how soon do they find what is there? Measured for docs/simulations.md.

Every scenario calls the code that decides in production, on worlds whose truth is known:
`python -m millrace_stats.measurements [group ...] [--scale share]`.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator

import numpy as np

from millrace_stats import (
    alarmed,
    canary,
    choosing,
    comparing,
    drift,
    foretold,
    paired,
    performance,
    power,
    regret,
    renewal,
    screenings,
    seasonal,
    slicing,
    sparse,
    windows,
    worlds,
)
from millrace_stats.measuring import SEED, Result, measure

YEAR = 365
SPREAD = 0.05
"""Standard deviation of the daily difference of two archived models, as a share of the loss."""
Rng = np.random.Generator


def window_scores(draw: Rng, r: float, reference: int, current: int, shift: float) -> drift.Score:
    """One feature in one window that has moved by *shift* standard deviations of its days."""
    levels = worlds.days(draw, 1, reference + current, r)[0]
    levels[reference:] += shift
    counts = worlds.histograms(draw, levels)
    return seasonal.judged({"x": counts}, reference, reference, reference + current, reference).scores[0]


def surprising(draw: Rng, r: float, reference: int, current: int, shift: float = 0.0) -> bool:
    """Whether p <= 0.05."""
    return window_scores(draw, r, reference, current, shift).p <= 0.05


def firing(draw: Rng, r: float, reference: int, current: int, shift: float = 0.0) -> bool:
    """Whether the whole rule fires for one window."""
    return window_scores(draw, r, reference, current, shift).fires


def drift_year(
    draw: Rng, r: float, window: int, shift: float = 0.0, features: int = 24, reference: int = 60
) -> float | None:
    """A year of many features, the first of which moves by *shift*: the first day of an alarm."""
    levels = worlds.days(draw, features, reference + YEAR, r)
    levels[0, reference:] += shift
    counts = {f"x{n:02d}": values for n, values in enumerate(worlds.histograms(draw, levels))}
    ends = range(reference + window, reference + YEAR + 1, window)
    found = seasonal.first_alarm(
        ends, lambda end: seasonal.judged(counts, reference, end - window, end, reference)
    )
    return None if found is None else float(found - reference)


def risen(draw: Rng, r: float, reference: int, rise: float = 0.0, live: int = YEAR) -> float | None:
    """One model's live days after its reference days: the day of the first alarm."""
    rises = np.repeat([0.0, rise], [reference, live])
    rates = worlds.error_rates(draw, 1, reference + live, r, rises)[0]
    frozen = performance.Reference.fit(rates[:reference])
    watch = performance.Detector(frozen, performance.threshold(0.01))
    for day, rate in enumerate(rates[reference:], start=1):
        watch.update(float(rate))
        if watch.alarm:
            return float(day)
    return None


def sliced(draw: Rng, r: float, slices: int, rise: float = 0.0, live: int = YEAR) -> float | None:
    """Many slices, each watched from 28 reference days on at its share of the false-alarm rate: first alarm of any.

    Args:
        rise: of the first slice's error rate, from its first live day on.
    """
    reference, days = 28, list[float]()
    level = performance.threshold(0.01 / slices)
    for number in range(slices):
        rises = np.repeat([0.0, rise if number == 0 else 0.0], [reference, live])
        rates = worlds.error_rates(draw, 1, reference + live, r, rises)[0]
        frozen = performance.Reference.fit(rates[:reference], tolerance=3.0 + performance.SLICE_TOLERANCE)
        watch = performance.Detector(frozen, level)
        for day, rate in enumerate(rates[reference:], start=1):
            watch.update(float(rate))
            if watch.alarm:
                days.append(float(day))
                break
    return min(days, default=None)


def passes(draw: Rng, r: float, days: int, difference: float, margin: float = 0.02) -> bool:
    """Whether a candidate passes whose true difference is *difference* margins, with a day sd of two margins."""
    champion, candidate = worlds.pairs(draw, days, r, 2 * margin, difference * margin)
    return paired.non_inferior(candidate, champion, np.full(days, 1000), margin).verdict == "passed"


def switched(
    draw: Rng,
    r: float,
    gain: float,
    candidates: int = 1,
    quiet: int = 0,
    earlier: int = 28,
    margin: float = 0.02,
    was_worse: float | None = None,
) -> float | None:
    """Archived versions against a champion for a year: days from the change to the first switch.

    Args:
        gain: of the archived ones after *quiet* days, in standard deviations of the daily difference; before that
            they are worse by half of one.
        earlier: days from which the scale is frozen; 0 leaves that to the first live days.
        was_worse: by how many standard deviations they were worse up to a week before the first day; None: never.
    """
    length, change = earlier + YEAR, earlier + quiet
    gaps = np.where((np.arange(length) < change) & (gain > 0), 0.5, -gain) * SPREAD
    if was_worse is not None:
        gaps = np.where(np.arange(length) < earlier - 7, was_worse, -gain) * SPREAD
    series = [worlds.pairs(draw, length, r, SPREAD, gaps) for _ in range(candidates)]
    start = paired.SwitchBackTest.start
    watched = [start(candidates, margin, earlier=(one - two)[:earlier]) for one, two in series]
    for day in range(earlier, length):
        answers = [pair.update(one[day], two[day]) for pair, (one, two) in zip(watched, series, strict=True)]
        if any(answers):
            return float(day + 1 - change)
    return None


def aborted(
    draw: Rng, rate: float, wrong: float, right: float, shares: tuple[float, ...] = (0.05,)
) -> float | None:
    """A rollout of half an hour looked at every second: the second of the abort."""
    past: list[canary.Arm] = []
    each = 1800 // len(shares)
    for number, share in enumerate(shares):
        counts = worlds.failures(draw, each, rate, share, wrong, right)
        for second in np.flatnonzero(np.diff(counts[:, 2], prepend=0)):  # only these make the evidence rise
            if canary.aborts([*past, canary.Arm(*map(int, counts[second]))]):
                return float(number * each + second + 1)
        past.append(canary.Arm(*map(int, counts[-1])))
    return None


def drifts(scale: float) -> Iterator[Result]:
    """False and true findings of drift."""
    many, few = int(2000 * scale), int(200 * scale)
    rules: tuple[tuple[str, Callable[..., bool]], ...] = (("p ≤ 0.05", surprising), ("fires", firing))
    for what, rule in rules:
        for reference, current in ((60, 7), (60, 14), (60, 28), (180, 14)):
            for r in (0.0, 0.5, 0.7):
                name = f"no drift, one feature, {reference}+{current} days, r={r}: {what}"
                yield measure(name, many, rule, r, reference, current)
        for reference, shift in ((60, 1.0), (60, 2.0), (180, 1.0), (180, 2.0)):
            name = f"drift of {shift:.0f} day-sd, one feature, {reference}+14 days, r=0.5: {what}"
            yield measure(name, many, rule, 0.5, reference, 14, shift)
    for window in (14, 28, 7):
        for r in (0.0, 0.5, 0.7):
            name = f"no drift, 24 features, alarm within a year, windows of {window} days, r={r}"
            yield measure(name, few, drift_year, r, window)
    for shift in (2.0, 3.0, 4.0):
        name = f"drift of {shift:.0f} day-sd in 1 of 24 features, alarm, windows of 14 days, r=0.5"
        yield measure(name, few, drift_year, 0.5, 14, shift, unit="days")


def detectors(scale: float) -> Iterator[Result]:
    """False alarms of performance, and how long a real rise takes."""
    for reference in (60, 28, 14):
        for r in (0.0, 0.2, 0.4):
            name = f"no rise, alarm within a year, {reference} reference days, r={r}"
            yield measure(name, int(1000 * scale), risen, r, reference)
    for reference, points, r in ((60, 2, 0.0), (60, 2, 0.4), (28, 2, 0.0), (60, 1, 0.0), (28, 1, 0.0)):
        name = f"error rate 10 % rises by {points} points, {reference} reference days, r={r}, within 183 days"
        yield measure(name, int(500 * scale), risen, r, reference, points / 100, 183, unit="days")


def slices(scale: float) -> Iterator[Result]:
    """False alarms of any slice, and how long a rise in one of them takes."""
    for number, repeats in ((10, 200), (50, 40)):
        for r in (0.0, 0.2, 0.4):
            name = f"no rise, alarm of any of {number} slices within a year, r={r}"
            yield measure(name, int(repeats * scale), sliced, r, number)
    for points in (2, 4):
        name = f"error rate 10 % rises by {points} points in one of 10 slices, r=0.2, within 183 days"
        yield measure(name, int(100 * scale), sliced, 0.2, 10, points / 100, 183, unit="days")


def gates(scale: float) -> Iterator[Result]:
    """Candidates that are as bad as the margin, so that every pass is false, and equal ones."""
    for difference, what in ((1.0, "as bad as the margin"), (0.0, "as good as the champion")):
        for days in (14, 28):
            for r in (0.0, 0.2, 0.4):
                name = f"candidate {what} passes, {days} days, r={r}"
                yield measure(name, int(5000 * scale), passes, r, days, difference)


def switches(scale: float) -> Iterator[Result]:
    """Going back to a version that is no better, and to one that is."""
    plans = ((1, 28, 0.02, 1000), (1, 28, 0.0, 1000), (1, 0, 0.02, 1000), (5, 28, 0.02, 300))
    for candidates, earlier, margin, repeats in plans:
        for r in (0.0, 0.2, 0.4):
            days = f"{earlier} earlier" if earlier else "the first 28 live"
            what = f"{candidates} equal version(s), margin {margin:.0%}, scale from {days} days"
            name = f"{what}, switch within a year, r={r}"
            yield measure(name, int(repeats * scale), switched, r, 0.0, candidates, 0, earlier, margin)
    for gain, quiet, r in ((2.0, 0, 0.0), (2.0, 0, 0.4), (1.0, 0, 0.0), (2.0, 120, 0.0), (2.0, 120, 0.4)):
        since = f" after {quiet} days on which it was worse" if quiet else ""
        name = f"version better by {gain:.0f} day-sd{since}, switch within a year, r={r}"
        yield measure(name, int(300 * scale), switched, r, gain, 1, quiet, unit="days")
    for gain, r in ((2.0, 0.0), (2.0, 0.4), (0.0, 0.4)):
        name = f"version worse by 3 day-sd until last week, now better by {gain:.0f}, switch within a year, r={r}"
        yield measure(name, int(300 * scale), switched, r, gain, 1, 0, 28, 0.02, 3.0, unit="days")


def canaries(scale: float) -> Iterator[Result]:
    """Aborts of equal arms and of broken ones."""
    for rate, wrong in ((20, 0.001), (20, 0.01), (200, 0.001), (200, 0.01)):
        name = f"canary of 5 %, both arms fail {wrong:.1%}, {rate} requests/s: aborted"
        yield measure(name, int(1000 * scale), aborted, rate, wrong, wrong)
    name = "canary of 5, 25, 50 %, both arms fail 0.5%, 20 requests/s: aborted"
    yield measure(name, int(1000 * scale), aborted, 20, 0.005, 0.005, (0.05, 0.25, 0.5))
    for rate, wrong in ((20, 0.01), (200, 0.01), (20, 0.05), (20, 0.5)):
        name = f"canary of 5 % fails {wrong:.0%} instead of 0.1 %, {rate} requests/s: aborted"
        yield measure(name, int(300 * scale), aborted, rate, wrong, 0.001, unit="s")


GROUPS: dict[str, Callable[[float], Iterator[Result] | Iterator[power.Line]]] = {
    "drift": drifts,
    "performance": detectors,
    "slices": slices,
    "gate": gates,
    "gate-slices": slicing.discoveries,
    "power": power.curves,
    "carried": power.carried,
    "regret": regret.policies,
    "renewal": renewal.policies,
    "renewal-margin": renewal.margins,
    "choosing": choosing.margins,
    "alarm-runs": alarmed.runs,
    "windows": windows.policies,
    "switch-back": switches,
    "canary": canaries,
    "leakage": screenings.leakages,
    "proxies": screenings.stand_ins,
    "protected": comparing.protected,
    "protected-bounds": comparing.bounds,
    "estimates": foretold.alarms,
    **sparse.GROUPS,
    **seasonal.GROUPS,
}

HEADS = {
    "power": power.HEAD,
    "carried": power.CARRIED,
    "regret": regret.HEAD,
    "renewal": renewal.HEAD,
    "renewal-margin": renewal.MARGIN_HEAD,
    "choosing": choosing.HEAD,
    "windows": windows.HEAD,
}
"""Of tables that have columns of their own."""


def main() -> None:
    """Print the tables of docs/simulations.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", default=[], help=f"some of {', '.join(GROUPS)}; all if none")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full number of repeats")
    given = parser.parse_args()
    where = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"seed {SEED}, numpy {np.__version__}, Python {platform.python_version()}, {where}", flush=True)
    for group in given.groups or GROUPS:
        started = time.process_time()
        head = HEADS.get(
            group, "| what | share ± standard error | median delay | repeats |\n|---|---|---|---|"
        )
        print(f"\n## {group}\n\n{head}")
        for result in GROUPS[group](given.scale):
            print(result.row(), flush=True)
        print(f"\n{time.process_time() - started:.0f} CPU-seconds")


if __name__ == "__main__":
    main()
