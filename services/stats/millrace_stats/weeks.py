"""What each weekday adds to a daily mean, where weekdays differ by more than chance."""

import numpy as np
from scipy import special

from millrace_stats.between import RARE, kinds

SURE = 0.01
"""Chance by which weekdays that are all alike are taken to differ."""
DAYS = 7


def adds(values: np.ndarray, weekdays: np.ndarray) -> tuple[float, ...]:
    """What each weekday adds to the mean of all days, shape (7,); 0 for one that is rarely or never seen.

    Empty where there are too few days of each, or where they differ no more than days by themselves.

    Args:
        values: daily means, shape (days,). weekdays: 0 to 6, of the same shape.
    Source: the F-test of one-way analysis of variance; days that resemble their neighbours make it careful, for
    weekdays then resemble each other.
    """
    groups = kinds(weekdays)
    of_each = {int(kind): values[groups == kind] for kind in np.unique(groups) if kind != RARE}
    apart, inside = len(of_each) - 1, sum(len(days) for days in of_each.values()) - len(of_each)
    if apart < 1 or inside < 1:
        return ()
    mean = float(np.mean(values))
    between = sum(len(days) * (days.mean() - mean) ** 2 for days in of_each.values()) / apart
    within = sum(float(((days - days.mean()) ** 2).sum()) for days in of_each.values()) / inside
    if between <= special.fdtri(apart, inside, 1 - SURE) * within or between <= 0:
        return ()
    return tuple(float(of_each[day].mean()) - mean if day in of_each else 0.0 for day in range(DAYS))
