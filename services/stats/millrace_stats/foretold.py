"""How often an estimate without labels alarms in vain, how soon it sees harder rows, and what it cannot see.

One world: 200 rows a day, a feature x whose daily mean wanders (AR(1)), a binary answer that is right on the reference.
The estimator is learnt from 28 days, judged by 28 settled ones, and then stands alone for half a year.
"""

from collections.abc import Iterator

import numpy as np

from millrace_stats import worlds
from millrace_stats.estimates import errors, learning, tracking
from millrace_stats.estimates.estimator import Chunk, Estimator
from millrace_stats.estimates.learning import Reference
from millrace_stats.estimates.tracking import KNOWN_DAYS, Settled
from millrace_stats.measuring import Result, measure

ROWS = 200
ALONE = 183
DAY_SD = 0.3
"""Of the daily mean of x, whose rows have standard deviation 1.5 about 2."""


def once(draw: np.random.Generator, r: float, harder: float, turned: float, alarms: float) -> float | None:
    """Days until an alarm; None without one in half a year.

    Args:
        harder: by how many day-sd the mean of x moves towards rows that are hard. turned: how far the true chances
        move where rows stay the same, as log odds. alarms: false ones a year that are allowed.
    """
    levels = 2 + DAY_SD * worlds.days(draw, 1, 2 * KNOWN_DAYS + ALONE, r)[0]
    levels[2 * KNOWN_DAYS :] -= harder * DAY_SD
    days = [
        _day(draw, float(level), turned if number >= 2 * KNOWN_DAYS else 0.0)
        for number, level in enumerate(levels)
    ]
    past = [np.concatenate(part) for part in zip(*days[:KNOWN_DAYS], strict=True)]
    blocks = np.repeat(np.arange(KNOWN_DAYS), ROWS)
    estimator = learning.learn("binary", Reference(Chunk(past[0]), past[1], blocks, {}))
    assert estimator is not None
    told = [_told(estimator, answers, labels) for answers, labels in days[KNOWN_DAYS:]]
    settled = [day if number < KNOWN_DAYS else None for number, day in enumerate(told)]
    if not tracking.standing([day for day in settled if day is not None]).trusted:
        return None
    found = tracking.risen([day.expected for day in told], settled, alarms)
    return float(found[0].place - KNOWN_DAYS + 1) if found else None


def _day(draw: np.random.Generator, level: float, turned: float) -> tuple[np.ndarray, np.ndarray]:
    x = draw.normal(level, 1.5, ROWS)
    answers = 1 / (1 + np.exp(-1.5 * x))
    return answers, (draw.random(ROWS) < 1 / (1 + np.exp(-x + turned))).astype(np.float64)


def _told(estimator: Estimator, answers: np.ndarray, labels: np.ndarray) -> Settled:
    """What was expected of the day, and what its labels say."""
    expectation = estimator.expect(Chunk(answers))
    clipped = np.clip(answers, 1e-7, 1 - 1e-7)
    measured = -(labels * np.log(clipped) + (1 - labels) * np.log(1 - clipped)).mean()
    loss = expectation.metrics["loss"]
    band = errors.band(loss, estimator.errors["loss"], ROWS, variance=expectation.variance)
    assert band is not None
    return Settled(loss, float(measured), (band.upper - loss) / errors.Z, band.sampling)


def alarms(scale: float) -> Iterator[Result]:
    """The table."""
    many = int(400 * scale)
    for r in (0.0, 0.4, 0.7):
        name = f"rows as before, an alarm by the estimate within half a year, r={r}"
        yield measure(name, many, once, r, 0.0, 0.0, 0.01)
    for harder in (2.0, 4.0):
        for r in (0.0, 0.4):
            name = f"rows harder by {harder:.0f} day-sd, r={r}"
            yield measure(name, many // 2, once, r, harder, 0.0, 0.01, unit="days")
    name = "the same rows with other labels (log odds lower by 1.5), r=0.4"
    yield measure(name, many // 2, once, 0.4, 0.0, 1.5, 0.01, unit="days")
