"""What is at stake decides how much proof is asked: the expected loss of promoting wrongly, and of keeping wrongly.

A wrong promotion costs the difference until the way back undoes it; keeping a worse champion costs it until a later
run brings another candidate. Both are told in days of the champion's loss.
"""

from dataclasses import dataclass

import numpy as np

from millrace_stats import evidence
from millrace_stats.evidence import Evidence, Floats

MOST = 2.0
"""Neither error is taken to be more than so many times as dear as the other: a history is short."""


@dataclass(frozen=True)
class Prices:
    """Days for which each error costs its difference: a wrong promotion, and a champion that is kept wrongly."""

    promoted: float = 1.0
    kept: float = 1.0

    def bounded(self) -> "Prices":
        """The same, with a wrong promotion at most MOST times as dear as the other error, and not less than a MOSTth.

        Raises: ValueError for a price that is no positive number of days."""
        if not (0 < self.promoted < np.inf and 0 < self.kept < np.inf):
            raise ValueError("prices are positive numbers of days")
        return Prices(min(max(self.promoted, self.kept / MOST), self.kept * MOST), self.kept)


@dataclass(frozen=True)
class Stakes:
    """Expected loss of both ways to go on, in days of the champion's loss; arrays, one value for each comparison."""

    promoting: Floats
    keeping: Floats


def weigh(told: Evidence, prices: Prices) -> Stakes:
    """The expected loss of promoting and of keeping, by what the blocks say and nothing else.

    Args:
        told: about the candidate's difference, as a share of the champion's loss.
    Source: the true difference is taken to lie about the measured one like Student's t (a flat prior); with equal
        prices this promotes what looks better, the rule of least regret (Manski, 2004; Stoye, 2009).
    """
    dear = prices.bounded()
    worse = told.error * evidence.above(-told.mean / told.error, told.freedom)
    better = told.error * evidence.above(told.mean / told.error, told.freedom)
    return Stakes(worse * dear.promoted, better * dear.kept)
