"""How wrong an estimate may be: the chance of the rows that came, and what the estimator itself is wrong by.

On days whose labels are known the estimate was off by r. A part of r is chance: the rows of that day are a sample. The
rest is the estimator's: days differ in ways that answers and features do not show. Both stand in every interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from millrace_stats.series import autocorrelation, inflation

Floats = npt.NDArray[np.float64]
LEAST_BLOCKS = 5
"""Blocks of the reference below which nothing is said of an estimator's error."""
Z = 1.959964


@dataclass(frozen=True)
class BlockError:
    """How far estimates of one metric lay from what was measured, on blocks of the reference that were not learnt from.

    Attributes:
        blocks, rows: how many, and rows of the median one.
        bias: mean of measured less estimated. spread: root mean square of it, chance included.
        between: the estimator's part of it, standard deviation. r: lag-1 autocorrelation.
    """

    blocks: int
    rows: float
    bias: float
    spread: float
    between: float
    r: float

    def to_dict(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "BlockError":
        return cls(**state)


@dataclass(frozen=True)
class Band:
    """95 % bounds of what would be measured, and their two parts as standard errors."""

    lower: float
    upper: float
    sampling: float
    estimator: float


def of_blocks(
    differences: Sequence[float], sampling: Sequence[float] | None, rows: Sequence[int]
) -> BlockError | None:
    """From measured less estimated by block, in order; None for too few blocks.

    Args:
        sampling: the variance that chance gives each difference; None: it is not known apart.
    """
    values = np.asarray(differences, np.float64)
    if len(values) < LEAST_BLOCKS:
        return None
    square = float(np.mean(values**2))
    between = 0.0 if sampling is None else max(0.0, square - float(np.mean(sampling)))
    middle = float(np.median(rows))
    return BlockError(
        len(values), middle, float(values.mean()), square**0.5, between**0.5, autocorrelation(values)
    )


def band(
    value: float,
    error: BlockError | None,
    rows: int,
    days: int = 1,
    variance: float | None = None,
    widen: float = 1.0,
) -> Band | None:
    """The bounds of a chunk of *rows* rows over *days* days; None where the estimator's error is not known.

    Args:
        variance: of one row's loss about what is expected of it; None: chance and estimator are not told apart, and
            more rows than a block of the reference has make nothing surer.
        widen: by how much the tracked error on the loop's own days exceeds the reference's.
    """
    if error is None or rows < 1:
        return None
    together = inflation(error.r) ** 2 / max(days, 1) + 1 / error.blocks
    if variance is None:
        sampling = 0.0
        estimator = error.spread * (max(1.0, error.rows * days / rows) * together) ** 0.5
    else:
        sampling = (max(variance, 0.0) / rows) ** 0.5
        estimator = error.between * together**0.5
    half = quantile(error.blocks - 1) * widen * float(np.hypot(sampling, estimator))
    return Band(value - half, value + half, sampling * widen, estimator * widen)


def quantile(freedom: float) -> float:
    """Two-sided 95 % quantile of Student's t. Source: Cornish and Fisher's expansion, good to 1 % from 4 on."""
    n = max(freedom, 1.0)
    return Z + (Z**3 + Z) / (4 * n) + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * n**2)
