"""Daily means are a series: neighbouring days resemble each other, so their mean is less sure than it looks."""

import numpy as np

MOST = 0.9


def autocorrelation(values: np.ndarray) -> float:
    """Lag-1 autocorrelation, corrected upwards by 1/n for its small-sample bias and clipped to [0, 0.9].

    Args:
        values: shape (days,), in the order of time; NaN not allowed.
    Source: the bias of the sample autocorrelation is about -1/n (Marriott and Pope, 1954).
    """
    n = len(values)
    if n < 3:
        return 0.0
    centred = np.asarray(values, float) - np.mean(values)
    power = float(centred @ centred)
    lagged = float(centred[:-1] @ centred[1:]) / power if power > 0 else 0.0
    return float(np.clip(lagged + 1 / n, 0.0, MOST))


def inflation(r: float) -> float:
    """Factor by which AR(1) dependence with lag-1 correlation *r* widens the standard error of a mean."""
    return float(np.sqrt((1 + r) / (1 - r)))
