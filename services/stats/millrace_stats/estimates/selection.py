"""Labels that arrive by choice: are the labelled rows a random sample of the answered ones, and what if they are not?

Days are the sample: on each the labelled rows are held against the others, feature by feature, and a difference counts
if it returns day after day. What rows and answers show can be weighed away. What they do not show, as when a label
arrives because of what it is, cannot: there nothing is claimed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from millrace_stats import weighted
from millrace_stats.estimates.errors import quantile
from millrace_stats.series import autocorrelation, inflation

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
COMPLETE = 0.95
"""From this share of labels on there is nothing to choose from."""
LEAST_DAYS = 7
LEAST_ROWS = 10
"""Labelled, and unlabelled, rows of a day that is held against itself."""
NEGLIGIBLE = 0.05
"""Of a standard deviation: a difference that matters to nobody."""
CELLS = 10
ROWS_OF_A_CELL = 5
SHARE_OF_A_CELL = 0.05
ERROR = 0.05


@dataclass(frozen=True)
class Selection:
    """What several days say.

    Attributes:
        random: whether labelled rows are a fair sample; None: too few days to tell.
        days: compared. column, difference: where they differ most, in standard deviations.
    """

    random: bool | None
    days: int
    column: str | None = None
    difference: float | None = None


@dataclass(frozen=True)
class Adjusted:
    """A mean loss of all answered rows from those with a label, and its standard error."""

    loss: float
    error: float


def differences(labelled: Flags, columns: Mapping[str, Floats]) -> dict[str, float]:
    """Mean of the labelled rows less that of the others, by column, in standard deviations of the day; {} for too few.

    Args:
        labelled: bool (rows,). columns: numbers, (rows,); what is constant is left out.
    """
    if labelled.sum() < LEAST_ROWS or (~labelled).sum() < LEAST_ROWS:
        return {}
    told = {}
    for name, values in columns.items():
        spread = float(values.std())
        if spread > 0:
            told[name] = float(values[labelled].mean() - values[~labelled].mean()) / spread
    return told


def judge(days: Sequence[Mapping[str, float]]) -> Selection:
    """From the differences of consecutive days; those without any do not count."""
    compared = [day for day in days if day]
    if len(compared) < LEAST_DAYS:
        return Selection(None, len(compared))
    names = sorted(set.intersection(*(set(day) for day in compared)))
    worst, most = None, 0.0
    for name in names:
        values = np.array([day[name] for day in compared])
        error = (
            max(float(values.std(ddof=1)), 1e-12) * inflation(autocorrelation(values)) / len(values) ** 0.5
        )
        bound = _bonferroni(len(names)) * quantile(len(values) - 1) / 1.96
        size = abs(float(values.mean()))
        if size > bound * error and size >= NEGLIGIBLE and size > most:
            worst, most = name, size
    if worst is None:
        return Selection(True, len(compared))
    mean = float(np.mean([day[worst] for day in compared]))
    return Selection(False, len(compared), worst, mean)


def _bonferroni(tests: int) -> float:
    """Two-sided normal quantile for ERROR over so many tests."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(1 - ERROR / 2 / max(tests, 1))


def adjusted(expected: Floats, losses: Floats) -> Adjusted | str:
    """The mean loss of all rows, from labelled ones weighed by how many rows expect a loss like theirs; or why not.

    Args:
        expected: loss of each answered row, (rows,). losses: (rows,), NaN without a label.
    Source: post-stratified difference estimator (Cassel, Särndal and Wretman 1976).
    """
    known = np.isfinite(losses)
    cells = _cells(expected, int(min(CELLS, max(1, known.sum() // (4 * ROWS_OF_A_CELL)))))
    count = int(cells.max()) + 1
    every, mine = np.bincount(cells, minlength=count), np.bincount(cells[known], minlength=count)
    lacking = int(every[mine < ROWS_OF_A_CELL].sum())
    if lacking > SHARE_OF_A_CELL * len(expected):
        return f"hardly a label comes for {lacking / len(expected):.0%} of the rows, by what loss is expected of them"
    weights = np.where(known & (mine[cells] > 0), every[cells] / np.maximum(mine[cells], 1), 0.0)
    rest = weighted.mean(losses - expected, weights)
    if rest is None or rest.error is None:
        return "too few rows have a label"
    return Adjusted(float(expected.mean()) + rest.mean, rest.error)


def _cells(expected: Floats, count: int) -> npt.NDArray[np.int64]:
    """Rows by their quantile of what is expected."""
    edges = np.unique(np.quantile(expected, np.linspace(0, 1, count + 1)[1:-1]))
    return np.asarray(np.searchsorted(edges, expected, side="right"), np.int64)
