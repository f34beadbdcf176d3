"""How often a candidate's slices are called worse in vain, beside what each slice by itself would say."""

from collections.abc import Iterator

import numpy as np

from millrace_stats import paired, worlds
from millrace_stats.measuring import Result, measure

TOLERANCE, ROWS = 0.05, 1000
"""As in `gates.slices`; rows of one day, of which each slice has an equal share."""
SPREAD = 0.04
"""Standard deviation of the difference on a day of ROWS rows, as a share of the loss; a slice's is larger by the root
of its share."""
MIXED = np.repeat([0.6, 0.0], [2, 8])
"""Lag-1 correlation of ten slices that differ in it."""
Rng = np.random.Generator
Alike = float | np.ndarray
"""Lag-1 correlation of all slices, or of each, shape (slices,)."""


def found(
    draw: Rng, kind: str, slices: int, days: int, r: Alike, gap: float, worse: int = 0
) -> list[paired.SliceFinding]:
    """What the rule says of slices that are all worse by *gap*, but for the first *worse*.

    Args:
        kind: of world, as in `worlds.blocks`.
        worse: how many slices are truly worse, by four tolerances.
    """
    gaps = np.full((slices, 1), gap)
    gaps[:worse] = 4 * TOLERANCE
    champion, candidate = worlds.blocks(draw, kind, slices, days, r, SPREAD * np.sqrt(slices), gaps)
    rows = np.full(days, ROWS / slices)
    parts = {f"{n}": (candidate[n], champion[n], rows) for n in range(slices)}
    return paired.slices(parts, TOLERANCE)


def called(draw: Rng, kind: str, slices: int, days: int, r: Alike, gap: float) -> bool:
    """Whether any of the slices is called worse."""
    return any(one.worse for one in found(draw, kind, slices, days, r, gap))


def vain(draw: Rng, kind: str, slices: int, days: int, r: Alike, gap: float, worse: int) -> bool:
    """Whether one of the called slices, drawn at random, is not worse: its share is the false discovery rate."""
    names = [int(one.name) for one in found(draw, kind, slices, days, r, gap, worse) if one.worse]
    return bool(names) and int(draw.choice(names)) >= worse


def seen(draw: Rng, kind: str, slices: int, days: int, r: Alike, gap: float, worse: int) -> bool:
    """Whether the first slice, which is worse, is called so."""
    return any(one.worse and one.name == "0" for one in found(draw, kind, slices, days, r, gap, worse))


def alone(draw: Rng, kind: str, slices: int, days: int, r: Alike, gap: float) -> bool:
    """Whether any slice is called worse where each is tested by itself at 5 %."""
    return any(one.p < 0.05 for one in found(draw, kind, slices, days, r, gap))


def bare(draw: Rng, kind: str, slices: int, days: int, r: Alike, gap: float) -> bool:
    """Whether the mean loss of any slice is worse by more than the tolerance, as a comparison without a test says."""
    return any(one.difference > TOLERANCE for one in found(draw, kind, slices, days, r, gap))


def discoveries(scale: float) -> Iterator[Result]:
    """Slices as bad as the tolerance, equal ones, and some that are worse among them."""
    repeats = int(2000 * scale)
    plans = [("even", 10, 28, 0.0), ("even", 10, 28, 0.4), ("even", 10, 14, 0.4), ("even", 50, 28, 0.4)]
    plans += [(kind, 10, 28, 0.4) for kind in ("tailed", "proportional", "harm", "gain")]
    for kind, slices, days, r in plans:
        yield from _world(repeats, f"{slices} slices, {days} days, r={r}, {kind}", (kind, slices, days, r))
    yield from _world(repeats, "10 slices, 28 days, r=0.6 of two, 0 of eight, even", ("even", 10, 28, MIXED))


def _world(repeats: int, where: str, world: tuple[str, int, int, Alike]) -> Iterator[Result]:
    at = f"all as bad as the tolerance, {where}"
    yield measure(f"{at}: any is called worse", repeats, called, *world, TOLERANCE)
    yield measure(f"{at}: each by itself at 5 %", repeats, alone, *world, TOLERANCE)
    yield measure(f"all equal, {where}: any is called worse", repeats, called, *world, 0.0)
    yield measure(f"all equal, {where}: by bare means", repeats, bare, *world, 0.0)
    some = f"one in five worse by 20 %, the others as bad as the tolerance, {where}"
    more = *world, TOLERANCE, world[1] // 5
    yield measure(f"{some}: one that is called is not", repeats, vain, *more)
    yield measure(f"{some}: one that is worse is called", repeats, seen, *more)
