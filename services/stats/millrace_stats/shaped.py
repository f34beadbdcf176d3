"""A tensor's cells as a few plain numbers each: what is profiled and watched of an image or a window of a sensor.

Drift of single pixels says nothing, and there are too many of them; that cells became darker, flatter or larger does.
"""

import numpy as np

STATISTICS = ("mean", "sd", "norm", "low", "high")


def summaries(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Mean, standard deviation, Euclidean norm, least and greatest number of each cell, float64 (rows,).

    Args:
        name: of the column; its statistics are called like `image.mean`.
        values: (rows, …); NaN within a cell is left out, and a cell of NaN alone has no statistics.
    """
    rows = np.asarray(values, np.float64).reshape(len(values), -1)
    there = ~np.isnan(rows)
    count = there.sum(axis=1)
    some = count > 0
    filled = np.where(there, rows, 0.0)
    each = np.maximum(count, 1)
    mean = filled.sum(axis=1) / each
    squares = np.square(filled).sum(axis=1)
    told = (
        mean,
        np.sqrt(np.maximum(squares / each - np.square(mean), 0.0)),
        np.sqrt(squares),
        np.where(there, rows, np.inf).min(axis=1, initial=np.inf),
        np.where(there, rows, -np.inf).max(axis=1, initial=-np.inf),
    )
    return {
        f"{name}.{word}": np.where(some, numbers, np.nan)
        for word, numbers in zip(STATISTICS, told, strict=True)
    }
