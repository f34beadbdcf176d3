"""How far people agree who look at the same things: pure functions of their looks, tested against published values.

Sources: J. Cohen, A coefficient of agreement for nominal scales (1960); K. Krippendorff, Computing Krippendorff's
alpha-reliability (2011).
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import combinations
from typing import Literal

Looks = Sequence[Sequence[Hashable]]
"""What was said of each thing, one item a look; things with a single look say nothing of agreement."""


def same(looks: Looks) -> float | None:
    """Share of pairs of looks at one thing that say the same; None without a pair."""
    pairs = [first == second for said in looks for first, second in combinations(said, 2)]
    return sum(pairs) / len(pairs) if pairs else None


def cohen(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Cohen's kappa of two people who looked at the same things, in order; None where chance already agrees wholly."""
    if not first:
        return None
    observed = sum(one == other for one, other in zip(first, second, strict=True)) / len(first)
    theirs, others = Counter(first), Counter(second)
    chance = sum(count * others[value] for value, count in theirs.items()) / len(first) ** 2
    return None if chance == 1 else (observed - chance) / (1 - chance)


def alpha(looks: Looks, scale: Literal["nominal", "interval"] = "nominal") -> float | None:
    """Krippendorff's alpha: any number of looks at each thing, some missing; None where all ever said is one value.

    Args:
        scale: interval, for numbers, weighs a difference by its square.
    """
    distance = _SCALES[scale]
    kept = [said for said in looks if len(said) > 1]
    values = [value for said in kept for value in said]
    counted = Counter(values)
    expected = _between(counted, distance) / (len(values) - 1) if values else 0.0
    if not expected:
        return None
    observed = sum(_between(Counter(said), distance) / (len(said) - 1) for said in kept)
    return 1 - observed / expected


def _between(counted: Mapping[Hashable, int], distance: Callable[[Hashable, Hashable], float]) -> float:
    """Distances of all ordered pairs of different values, together."""
    return sum(
        2 * counted[one] * counted[other] * distance(one, other) for one, other in combinations(counted, 2)
    )


def _nominal(first: Hashable, second: Hashable) -> float:
    return float(first != second)


def _interval(first: Hashable, second: Hashable) -> float:
    return (float(first) - float(second)) ** 2  # type: ignore[arg-type]


_SCALES = {"nominal": _nominal, "interval": _interval}
