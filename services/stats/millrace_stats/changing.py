"""Since when a series of daily losses is on another level: the last change that a test finds.

A detector's reference is taken from one level (`one_level`). Windows of training since the last change were simulated
with it and gained nothing (see the decision on windows that the data propose).
"""

import numpy as np
import numpy.typing as npt

from millrace_stats.evidence import Floats

LEAST, EDGE = 28, 7
"""Days that a test needs, and days at each end in which no change is looked for."""
LEVEL = 3.3
"""Of the largest step in standard errors: a change is found in about 5 % of quiet series of 180 days."""
NEWEST = 3
"""The same, where a reference is taken from one side: a change in its last week would spoil it as much."""
DEEP = 3
"""Changes one behind the other that are looked for."""
Days = npt.NDArray[np.int64]


def since_change(losses: Floats) -> Days:
    """First day after the last change of each series, (series, days); -1: none is found."""
    found, start = np.full(len(losses), -1), np.zeros(len(losses), np.int64)
    left = np.ones(len(losses), bool)
    for _ in range(DEEP):
        again = np.zeros(len(losses), bool)
        for begin in np.unique(start[left]):
            if losses.shape[1] - begin < LEAST:
                continue
            which = np.flatnonzero(left & (start == begin))
            places = largest_step(losses[which, begin:])
            hit = which[places >= 0]
            found[hit] = start[hit] = begin + places[places >= 0]
            again[hit] = True
        left = again
    return found


def one_level(losses: Floats) -> slice:
    """Which days of a reference, losses of shape (days,), lie on one level: the longer side of a step, if there is one.

    A holdout in which the world has changed holds two levels. Together they look like one of a huge scale, against
    which no later day stands out: such a reference would never raise an alarm.
    """
    if len(losses) < LEAST:
        return slice(None)
    place = int(largest_step(losses[None], NEWEST)[0])
    if place < 0:
        return slice(None)
    return slice(place) if 2 * place > len(losses) else slice(place, None)


def largest_step(losses: Floats, edge: int = EDGE) -> Days:
    """Where the mean of each series differs most before and behind; -1 where that is no more than chance.

    Args:
        edge: days at each end in which none is looked for.
    Source: CUSUM for one change of the mean; the scale is of what is left without the step, widened for AR(1).
    """
    series, length = losses.shape
    every, places = np.arange(series), np.arange(edge, length - edge + 1)
    sums = losses.cumsum(1)
    before = sums[:, places - 1] / places
    behind = (sums[:, -1:] - sums[:, places - 1]) / (length - places)
    steps = np.abs(behind - before) * np.sqrt(places * (length - places) / length)
    best = steps.argmax(1)
    later = np.arange(length)[None] >= places[best][:, None]
    rest = losses - np.where(later, behind[every, best][:, None], before[every, best][:, None])
    power = (rest * rest).sum(1)
    lagged = (rest[:, 1:] * rest[:, :-1]).sum(1)
    r = np.clip(lagged / np.where(power > 0, power, 1.0) + 3 / length, 0.0, 0.9)
    scale = np.maximum(rest.std(1, ddof=2), 1e-12) * np.sqrt((1 + r) / (1 - r))
    return np.where(steps[every, best] / scale > LEVEL, places[best], -1)
