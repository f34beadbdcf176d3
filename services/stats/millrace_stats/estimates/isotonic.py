"""Calibration: what share of rows really had a class, by the probability that the model gave it.

Source: pool adjacent violators (Ayer et al. 1955; Zadrozny and Elkan 2002), flat within each pool and straight between
two, so that the mean over the reference is exactly what was observed.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
GROUPS = 1000
"""Of more distinct probabilities, neighbours are put together into so many groups before they are pooled."""


@dataclass(frozen=True)
class Curve:
    """The share of rows with the class (`share`) at probability `given`, both (knots,), rising; no knots: as given."""

    given: Floats
    share: Floats

    def apply(self, probabilities: Floats) -> Floats:
        """The calibrated probability of each, any shape; NaN stays NaN."""
        if not len(self.given):
            return np.asarray(probabilities, np.float64)
        return np.asarray(np.interp(probabilities, self.given, self.share), np.float64)

    def to_dict(self) -> dict[str, list[float]]:
        return {
            "given": [round(float(x), 9) for x in self.given],
            "share": [round(float(x), 9) for x in self.share],
        }

    @classmethod
    def from_dict(cls, state: dict[str, list[float]]) -> "Curve":
        return cls(np.asarray(state["given"], np.float64), np.asarray(state["share"], np.float64))


SAME = Curve(np.empty(0), np.empty(0))
"""Probabilities as they were given."""


def fit(probabilities: Floats, hits: Floats) -> Curve:
    """The curve of a reference: *probabilities* of a class, (rows,), and whether the row has it (0 or 1), (rows,)."""
    distinct, place = np.unique(np.asarray(probabilities, np.float64), return_inverse=True)
    counts = np.bincount(place).astype(np.float64)
    group = np.minimum(
        ((np.cumsum(counts) - counts / 2) / counts.sum() * GROUPS).astype(np.int64), GROUPS - 1
    )
    if len(distinct) <= GROUPS:
        group = np.arange(len(distinct))
    _, group = np.unique(group, return_inverse=True)
    rows = np.asarray(np.bincount(group, counts), np.float64)
    given = np.bincount(group, counts * distinct) / rows
    share = np.bincount(group, np.bincount(place, np.asarray(hits, np.float64))) / rows
    return Curve(*_pooled(given, share, rows))


def _pooled(given: Floats, share: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Neighbours that fall are put together until shares rise; each pool is flat, and stands there by both its ends."""
    pools: list[tuple[float, float, float, float]] = []
    for x, y, n in zip(given.tolist(), share.tolist(), counts.tolist(), strict=True):
        first, mean, rows = x, y, n
        while pools and pools[-1][2] >= mean:
            left, _, before, weight = pools.pop()
            first, mean, rows = left, (before * weight + mean * rows) / (weight + rows), weight + rows
        pools.append((first, x, mean, rows))
    ends = [(end, mean) for first, last, mean, _ in pools for end in sorted({first, last})]
    return np.array([end for end, _ in ends]), np.array([mean for _, mean in ends])
