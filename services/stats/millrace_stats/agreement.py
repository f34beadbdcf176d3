"""How far people agree who look at the same things: pure functions of their looks, tested against published values.

Sources: J. Cohen, A coefficient of agreement for nominal scales (1960); K. Krippendorff, Computing Krippendorff's
alpha-reliability (2011).
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import combinations
from typing import Literal

import numpy as np

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
    between = _SCALES[scale]
    kept = [said for said in looks if len(said) > 1]
    values = [value for said in kept for value in said]
    expected = between(Counter(values)) / (len(values) - 1) if values else 0.0
    if not expected:
        return None
    observed = sum(between(Counter(said)) / (len(said) - 1) for said in kept)
    return 1 - observed / expected


def _nominal(counted: Counter[Hashable]) -> float:
    """Ordered pairs that differ, together."""
    return float(counted.total() ** 2 - sum(count**2 for count in counted.values()))


def _interval(counted: Counter[Hashable]) -> float:
    """Squared differences of all ordered pairs, together: twice their number times what they differ from their mean."""
    if len(counted) < 2:
        return 0.0
    values = np.array([*counted], np.float64)
    counts = np.array([*counted.values()], np.float64)
    middle = float(values @ counts) / counted.total()
    return 2 * counted.total() * float(counts @ (values - middle) ** 2)


_SCALES = {"nominal": _nominal, "interval": _interval}
