"""Losses of two models on the same blocks, as evidence about the ratio of their means."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from millrace_stats import evidence
from millrace_stats.evidence import Evidence, Floats

TINY = 1e-100
"""Stands in for a champion's loss of 0, to which every loss is infinitely worse."""
LEAST_REST = 0.1
"""Of the champion's whole loss, what the other blocks are taken to have at the least when one is left out."""
Verdict = Literal["passed", "failed", "inconclusive"]


@dataclass(frozen=True)
class Pair:
    """How much more the candidate loses than the champion, as a share of the champion's mean loss.

    What is estimated is E[candidate] / E[champion] - 1, every block counting once. Each block gets the value that
    says how the estimate moves when the block is left out, so what both models share drops out: if the candidate
    loses nine tenths of what the champion does on every day, that is known for sure, however much the days differ.

    Attributes:
        difference: the estimate, (...). better: that the true one is low; worse: that its negative is.
    Source: the jackknife for a ratio of means (Quenouille, 1956; Durbin, 1959).
    """

    difference: Floats
    better: Evidence
    worse: Evidence

    @classmethod
    def of(cls, candidate: Floats, champion: Floats, ordered: bool = True) -> "Pair":
        """From the mean losses of blocks, (..., blocks)."""
        total = champion.sum(axis=-1, keepdims=True)
        mean = total / champion.shape[-1]
        known = mean > TINY
        gaps = (candidate - champion) / np.where(known, mean, TINY)
        middle = gaps.mean(axis=-1, keepdims=True)
        weight = np.where(known, champion / np.where(known, mean, 1.0), 1.0)
        left = np.maximum(1 - weight / champion.shape[-1], LEAST_REST)
        values = np.where(known, middle + (gaps - middle * weight) / left, gaps)
        equal = evidence.equality(weight)
        return cls(middle[..., 0], evidence.of(values, equal, ordered), evidence.of(-values, equal, ordered))

    def verdict(self, margin: float, error: float) -> Verdict:
        """Of one pair, at a margin."""
        lower, upper = self.bounds(error)
        return "passed" if upper < margin else "failed" if lower > margin else "inconclusive"

    def bounds(self, error: float) -> tuple[float, float]:
        """Lower and upper bound of one pair's difference, each wrong with probability *error*; -1 at the least."""
        return max(-float(self.worse.upper(error)), -1.0), float(self.better.upper(error))
