"""`make simulate`: how often each rule is wrong when nothing happened, and how fast it is when something did.

Every figure comes from the code that decides in production. Prints a table; docs/simulations.md keeps one.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from millrace_stats import canary, drift, paired, performance

YEAR = 365


@dataclass(frozen=True)
class Figure:
    """One measured figure with its standard error, both in the stated unit."""

    rule: str
    case: str
    value: float
    error: float
    unit: str

    def __str__(self) -> str:
        return f"| {self.rule} | {self.case} | {self.value:.4g} ± {self.error:.2g} {self.unit} |"


def series(draw: np.random.Generator, days: int, r: float) -> np.ndarray:
    """AR(1) noise with unit variance and lag-1 correlation *r*, shape (days,)."""
    shocks = draw.normal(size=days)
    made = np.empty(days)
    made[0] = shocks[0]
    for day in range(1, days):
        made[day] = r * made[day - 1] + np.sqrt(1 - r * r) * shocks[day]
    return made


def histograms(draw: np.random.Generator, means: np.ndarray, rows: int = 300) -> np.ndarray:
    """Daily histograms of normal rows around each day's mean, shape (days, 20)."""
    edges = np.linspace(-3, 3, 19)
    values = draw.normal(means[:, None], 1, (len(means), rows))
    placed = np.searchsorted(edges, values)
    return np.stack([np.bincount(day, minlength=20) for day in placed])


def drift_rejects(draw: np.random.Generator, r: float, shift: float, permute: bool = False) -> bool:
    """Whether 14 days after 60 reference days look drifted at p <= 0.05; *permute*: by the day permutation."""
    means = 0.7 * series(draw, 74, r)
    means[60:] += 0.7 * shift
    days = histograms(draw, means)
    if not permute:
        null = drift.cyclic_null(days[:60], days[60:])
        return bool(np.mean(null >= null[0]) <= 0.05)
    observed = drift.psi(days[:60].sum(0), days[60:].sum(0))
    larger = 0
    for _ in range(99):
        order = draw.permutation(74)
        larger += drift.psi(days[order[:60]].sum(0), days[order[60:]].sum(0)) >= observed
    return (larger + 1) / 100 <= 0.05


def alarm_day(draw: np.random.Generator, r: float, shift: float, n0: int, plain: bool = False) -> int | None:
    """Day of a year on which the performance detector alarms, or None; the loss shifts by *shift* sd from day 0."""
    values = series(draw, n0 + YEAR, r)
    reference = performance.Reference.fit(values[:n0], tolerance=0.0 if plain else 3.0)
    if plain:
        mean, sd = float(values[:n0].mean()), float(values[:n0].std(ddof=1))
        reference = performance.Reference(mean, sd, 0.0, n0, 0.0)
    detector = performance.Detector(reference, performance.threshold(0.01))
    for day, value in enumerate(values[n0:] + shift):
        detector.update(float(value))
        if detector.alarm:
            return day + 1
    return None


def gate_passes(draw: np.random.Generator, r: float, difference: float, days: int) -> bool:
    """Whether a candidate whose loss differs by *difference* (share) passes a margin of 2 %, day sd 3 %."""
    champion = np.full(days, 100.0)
    candidate = champion * (1 + difference + 0.03 * series(draw, days, r))
    return paired.non_inferior(candidate, champion, np.full(days, 900), 0.02).verdict == "passed"


def switch_day(draw: np.random.Generator, r: float, gain: float) -> int | None:
    """Day on which an archived version that is better by *gain* day-sd is called back within a year, or None."""
    watch = paired.SwitchBack.start(1, earlier=5.0 * series(draw, 28, r))
    for day, noise in enumerate(series(draw, YEAR, r)):
        if watch.update(100.0, 100.0 - 5.0 * (noise + gain)):
            return day + 1
    return None


def canary_aborts(draw: np.random.Generator, canary_rate: float, stable_rate: float, keys: int) -> int | None:
    """Look (one a second, 1,800) at which a 5 % canary is withdrawn, or None; *keys* new keys a second."""
    seen = np.zeros(4, int)
    for second in range(1, 1801):
        mine, theirs = draw.poisson(keys * 0.05), draw.poisson(keys * 0.95)
        seen += [mine, theirs, draw.binomial(mine, canary_rate), draw.binomial(theirs, stable_rate)]
        if canary.aborts([canary.Arm(*seen)]):
            return second
    return None


def share(rule: str, case: str, repeats: int, happens: Callable[[], object]) -> Figure:
    """The share of repeats in which something happens."""
    p = sum(bool(happens()) for _ in range(repeats)) / repeats
    return Figure(rule, case, 100 * p, 100 * np.sqrt(max(p * (1 - p), 1 / repeats) / repeats), "%")


def delay(rule: str, case: str, repeats: int, when: Callable[[], int | None], unit: str) -> Figure:
    """The median of when something happens; never counts as later than everything."""
    found = [when() for _ in range(repeats)]
    days = np.sort([np.inf if day is None else day for day in found])
    low, high = days[int(repeats * 0.45)], days[int(repeats * 0.55)]
    spread = float(high - low) / 2 if np.isfinite(high) else float("nan")
    return Figure(rule, case, float(np.median(days)), spread, unit)


def run(seed: int, repeats: int) -> Iterator[Figure]:
    """All figures; *repeats* of each case."""
    draw = np.random.default_rng(seed)
    for r in (0.0, 0.5, 0.7):
        case = f"no drift, day correlation {r}"
        yield share("drift, cyclic null, p ≤ .05", case, repeats, lambda r=r: drift_rejects(draw, r, 0))
    few = max(repeats // 5, 50)
    yield share(
        "(drift, day permutation, p ≤ .05)",
        "no drift, day correlation 0.7",
        few,
        lambda: drift_rejects(draw, 0.7, 0, True),
    )
    yield share(
        "drift, cyclic null",
        "shift of 2 day-sd, correlation 0.5",
        repeats,
        lambda: drift_rejects(draw, 0.5, 2),
    )
    for r in (0.0, 0.2, 0.4):
        case = f"no change for a year, correlation {r}, 60 reference days"
        yield share("performance alarm", case, repeats, lambda r=r: alarm_day(draw, r, 0, 60))
    yield share(
        "performance alarm",
        "no change, correlation 0.2, 28 reference days",
        repeats,
        lambda: alarm_day(draw, 0.2, 0, 28),
    )
    yield share(
        "(plain Shiryaev-Roberts)",
        "no change, correlation 0.2, 28 reference days",
        repeats,
        lambda: alarm_day(draw, 0.2, 0, 28, True),
    )
    yield delay(
        "performance alarm",
        "loss up by 2 day-sd, 60 reference days",
        repeats,
        lambda: alarm_day(draw, 0.0, 2, 60),
        "days",
    )
    for r in (0.0, 0.2, 0.4):
        case = f"true difference = margin, 28 days, correlation {r}"
        yield share("gate passes", case, repeats, lambda r=r: gate_passes(draw, r, 0.02, 28))
    yield share(
        "gate passes",
        "equal models, 28 days, correlation 0.2",
        repeats,
        lambda: gate_passes(draw, 0.2, 0.0, 28),
    )
    for r in (0.0, 0.2, 0.4):
        yield share(
            "switch-back",
            f"identical models for a year, correlation {r}",
            repeats,
            lambda r=r: switch_day(draw, r, 0),
        )
    yield delay(
        "switch-back", "archived better by 2 day-sd", repeats, lambda: switch_day(draw, 0.0, 2), "days"
    )
    some = max(repeats // 2, 50)
    yield share(
        "canary withdrawn",
        "same error rate 0.5 %, 200 keys/s, 1,800 looks",
        some,
        lambda: canary_aborts(draw, 0.005, 0.005, 200),
    )
    yield delay(
        "canary withdrawn",
        "errors .1 % → 5 %, 20 keys/s",
        some,
        lambda: canary_aborts(draw, 0.05, 0.001, 20),
        "s",
    )
    yield delay(
        "canary withdrawn",
        "errors .1 % → 50 %, 20 keys/s",
        some,
        lambda: canary_aborts(draw, 0.5, 0.001, 20),
        "s",
    )


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=20130301)
    parser.add_argument("--repeats", type=int, default=1000)
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.repeats} repeats\n\n| rule | case | figure |\n|---|---|---|")
    for figure in run(options.seed, options.repeats):
        print(figure, flush=True)


if __name__ == "__main__":
    main()
