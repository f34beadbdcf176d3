"""Worlds whose truth is known: one that changes at once, one that never does, and one whose seasons come again."""

import numpy as np
import pandas as pd
from tests.bench.decisions.stream import AT, FIRST_SHARE, Stream

DAYS, A_DAY = 330, 60
SEED = 20130310
FIRST = round(FIRST_SHARE * DAYS)
CHANGE, SEASON = 150, 60
"""Day, from the first served one, of the abrupt change; and days of a season."""


def _world(name: str, place: int, regime: np.ndarray, changes: tuple[int, ...]) -> Stream:
    """Two concepts of five numbers and a word; days differ, and resemble their neighbours (r = 0.4)."""
    draw = np.random.default_rng([SEED, place])
    day = np.repeat(np.arange(DAYS), A_DAY)
    x = draw.normal(0, 1, (len(day), 5))
    word = draw.choice(["north", "south", "east"], len(day))
    level = np.zeros(DAYS)
    for number in range(1, DAYS):
        level[number] = 0.4 * level[number - 1] + draw.normal(0, 0.15)
    one = 2 * x[:, 0] + x[:, 1] * (word == "north") + np.abs(x[:, 2])
    other = 0.5 * x[:, 0] - 1.5 * x[:, 1] + np.abs(x[:, 2])
    truth = np.where(regime[day] == 0, one, other)
    noise = draw.normal(0, 1, len(day)) * np.exp(draw.normal(0, 0.2, DAYS))[day]
    seconds = np.tile(np.arange(A_DAY) * 86_400 // A_DAY, DAYS)
    moments = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(day * 86_400 + seconds, "s")
    columns = {f"x{number}": x[:, number] for number in range(5)}
    rows = pd.DataFrame({AT: moments, **columns, "word": word, "y": truth + level[day] + noise})
    made = f"made here, seed {SEED}"
    return Stream(
        name, "regression", "y", rows, made, rules="rules may be chosen on such worlds", changes=changes
    )


def abrupt() -> Stream:
    """The concept changes once, on one day."""
    return _world("abrupt", 1, (np.arange(DAYS) >= FIRST + CHANGE).astype(int), (CHANGE,))


def still() -> Stream:
    """The concept never changes: every retraining can only bring more rows."""
    return _world("still", 2, np.zeros(DAYS, int), ())


def season() -> Stream:
    """Two concepts take turns: what was known once is worth having again."""
    served = np.arange(DAYS) - FIRST
    regime = np.where(served < 0, 0, (served // SEASON) % 2)
    changes = tuple(range(SEASON, DAYS - FIRST, SEASON))
    return _world("season", 3, regime, changes)
