"""What rounds of timed calls say together: how long a call takes, and how many times faster one form is than another.

A round's tenth percentile is what the machine can do; the rounds' ratios give the error bars.
"""

import numpy as np

from millrace_contracts.searching import PointLatency
from millrace_contracts.variants import Latency, SpeedUp

SHARES = (0.1, 0.5, 0.99)
"""The quantiles of a round's calls."""
CONFIDENCE = 0.95


def latency(batch: int, quantiles: np.ndarray, calls: int) -> Latency:
    """The medians over the rounds.

    Args:
        quantiles: milliseconds, (rounds, SHARES).
        calls: in each round.
    """
    p10, p50, p99 = (float(value) for value in np.median(quantiles, axis=0))
    spread = float(np.ptp(quantiles[:, 0]) / p10) if p10 else 0.0
    return Latency(batch=batch, p10=p10, p50=p50, p99=p99, repeats=len(quantiles), calls=calls, spread=spread)


def speed_up(batch: int, base: np.ndarray, variant: np.ndarray) -> SpeedUp:
    """How many times faster the variant is: the rounds' ratios of p10, their mean and its 95 % bounds by Student's t.

    Args:
        base, variant: milliseconds, (rounds, SHARES), at least two rounds.
    """
    from scipy import special

    ratios = base / np.maximum(variant, 1e-9)
    p10, rounds = ratios[:, 0], len(ratios)
    middle = float(p10.mean())
    half = float(special.stdtrit(rounds - 1, 0.5 + CONFIDENCE / 2) * p10.std(ddof=1) / np.sqrt(rounds))
    p99 = float(np.median(ratios[:, 2]))
    return SpeedUp(batch=batch, ratio=middle, lower=middle - half, upper=middle + half, p99=p99)


def bounded(batch: int, quantiles: np.ndarray, calls: int) -> PointLatency:
    """The same as `latency`, with 95 % bounds of the rounds' mean p10 by Student's t; they always hold the median.

    Args:
        quantiles: milliseconds, (rounds, SHARES), at least two rounds.
    """
    from scipy import special

    told, p10 = latency(batch, quantiles, calls), quantiles[:, 0]
    error = p10.std(ddof=1) / np.sqrt(len(p10))
    half = float(special.stdtrit(len(p10) - 1, 0.5 + CONFIDENCE / 2) * error)
    lower, upper = max(0.0, float(p10.mean()) - half), float(p10.mean()) + half
    return PointLatency(**told.model_dump(), lower=min(lower, told.p10), upper=max(upper, told.p10))
