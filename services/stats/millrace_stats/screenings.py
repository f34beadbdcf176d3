"""How often the screens before training call honest columns leaks or proxies, and what they find of what is planted."""

from collections.abc import Callable, Iterator

import numpy as np

from millrace_stats import leaks, proxies
from millrace_stats.measuring import Result, measure
from millrace_stats.telling import Floats

Rng = np.random.Generator
Column = tuple[Floats, bool]
"""Values, nan where there is none, and whether they are codes of names."""
TASKS = {"numbers": 0, "two classes": 2, "five classes": 5}


def target(draw: Rng, rows: int, classes: int) -> tuple[Floats, Floats]:
    """A target, and the plain strength behind it: skewed numbers, or classes of which the rarest has 15 % or less."""
    strength = draw.normal(size=rows)
    if classes == 0:
        return np.exp(3 + strength), strength
    if classes == 2:
        return (strength > draw.uniform(0, 1.5)).astype(np.float64), strength
    return np.digitize(strength, [-1.3, -0.4, 0.4, 1.3]).astype(np.float64), strength


def honest(draw: Rng, strength: Floats) -> list[Column]:
    """Twenty columns as tables have them: noise, names, counts, weak and strong features, gaps of three kinds."""
    rows = len(strength)
    strong = strength + draw.normal(0, draw.uniform(0.14, 0.5), rows)
    gap = draw.random(rows) < 1 / (1 + np.exp(-draw.uniform(0.5, 2) * strength))
    columns: list[Column] = [(draw.normal(size=rows), False) for _ in range(5)]
    columns += [(draw.integers(0, levels, rows).astype(np.float64), True) for levels in (2, 5, 20, 200, rows)]
    columns += [
        (np.round(draw.lognormal(2, 1, rows)), False),
        (draw.permutation(rows).astype(np.float64), False),
    ]
    columns += [(strong, False), (np.exp(3 * strong), False), (np.round(strong), False)]
    columns += [(np.digitize(strong, [-1, 0, 1]).astype(np.float64), True)]
    columns += [
        (np.where(draw.random(rows) < share, np.nan, draw.normal(size=rows)), False) for share in (0.05, 0.9)
    ]
    columns += [
        (np.where(gap, np.nan, draw.normal(size=rows)), False),
        (np.where(strong < 0, 0, strong), False),
    ]
    return columns


def called(draw: Rng, rows: int, classes: int, sure: bool) -> bool:
    """Whether any of the honest columns is refused as a leak; or, if not *sure*, refused or named as very strong."""
    truth, strength = target(draw, rows, classes)
    told = [leaks.judge(x, truth, classes, named) for x, named in honest(draw, strength)]
    return any(item is not None and (item.sure or not sure) for item in told)


def _ordered(draw: Rng, truth: Floats, strength: Floats) -> Floats:
    """The place of each row in a table that is sorted by its target, a little shuffled."""
    noise = draw.normal(0, 0.02 * max(float(np.std(truth)), 1e-9), len(truth))
    return np.argsort(np.argsort(truth + noise)).astype(np.float64)


def _made(draw: Rng, truth: Floats, strength: Floats) -> Floats:
    """What is computed of the target: its logarithm, a rounded part of it, or with a little noise."""
    kinds = (np.log1p(truth), np.round(truth * 0.19, 1), truth * draw.normal(1, 0.002, len(truth)))
    return np.asarray(kinds[draw.integers(3)])


def _gone(share: float) -> Callable[[Rng, Floats, Floats], Floats]:
    """Filled for *share* of the rows of the greatest class (or of the upper half), and for no others."""

    def column(draw: Rng, truth: Floats, strength: Floats) -> Floats:
        one = truth == truth.max() if len(np.unique(truth)) <= 5 else truth > np.median(truth)
        return np.where(one & (draw.random(len(truth)) < share), draw.normal(size=len(truth)), np.nan)

    return column


PLANTED = {
    "a sorted row number, a little shuffled": _ordered,
    "made of the target": _made,
    "filled for one class only": _gone(1.0),
    "filled for half of one class only": _gone(0.5),
}


def caught(draw: Rng, rows: int, classes: int, plant: Callable[[Rng, Floats, Floats], Floats]) -> bool:
    """Whether a planted leak is refused."""
    truth, strength = target(draw, rows, classes)
    told = leaks.judge(plant(draw, truth, strength), truth, classes)
    return told is not None and told.sure


def leakages(scale: float) -> Iterator[Result]:
    """Honest tables of twenty columns, and planted leaks."""
    for task, classes in TASKS.items():
        for rows, repeats in ((60, 500), (500, 500), (5000, 50)):
            where = f"{rows:,} honest rows of twenty columns, {task}"
            yield measure(f"{where}: refused as a leak", int(repeats * scale), called, rows, classes, True)
            yield measure(f"{where}: named or refused", int(repeats * scale), called, rows, classes, False)
    for what, plant in PLANTED.items():
        for task, classes in TASKS.items():
            if classes == 0 and plant is PLANTED["filled for half of one class only"]:
                continue
            name = f"{what}, 500 rows, {task}: refused"
            yield measure(name, int(300 * scale), caught, 500, classes, plant)


def named(draw: Rng, rows: int, share: float, shift: float, features: int) -> bool:
    """Whether any of *features* columns, moved by *shift* where the attribute holds, is named as its proxy."""
    group = (draw.random(rows) < share).astype(np.float64)
    columns = [draw.normal(size=rows) + shift * group for _ in range(features)]
    return any(proxies.strength(x, group, False, True, features) is not None for x in columns)


def stand_ins(scale: float) -> Iterator[Result]:
    """Columns that say nothing of a protected attribute, and columns that say something."""
    for rows, share in ((100, 0.5), (500, 0.5), (500, 0.1), (5000, 0.1)):
        name = f"100 columns that say nothing, {rows:,} rows, {share:.0%} of one group: any named"
        yield measure(name, int(200 * scale), named, rows, share, 0.0, 100)
    for rows, shift, auc in ((500, 0.74, 0.70), (500, 1.19, 0.80), (5000, 0.74, 0.70)):
        name = f"a column with an AUC of {auc:.2f}, {rows:,} rows, half of one group: named"
        yield measure(name, int(300 * scale), named, rows, 0.5, shift, 1)
