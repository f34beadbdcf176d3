"""How sure the mean of blocks is, where neighbours resemble each other, tails are heavy and some blocks weigh more.

Everything works on the last axis, so that the simulations call the very code that decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from millrace_stats.series import MOST

Floats = npt.NDArray[np.float64]
CAP = 4.0
"""A gain counts up to so many times the median distance from the median; harm counts in full."""
LEAST_FREEDOM = 2.0
FULL = 14
"""Blocks from which the whole bias of the autocorrelation is added; with fewer it would leave nothing to decide on."""


@dataclass(frozen=True)
class Evidence:
    """What blocks say about their mean: arrays without the last axis of what was given.

    Attributes:
        mean, error: of the capped values, and its standard error. freedom: degrees of freedom, may be broken.
        autocorrelation: lag-1, as it was allowed for.
    """

    mean: Floats
    error: Floats
    freedom: Floats
    autocorrelation: Floats

    def below(self, threshold: float) -> Floats:
        """p of the hypothesis that the true mean is *threshold* or more: small says that it is below."""
        from scipy import special  # here: an idle service has no use for it

        return np.asarray(special.stdtr(self.freedom, (self.mean - threshold) / self.error))

    def upper(self, error: float) -> Floats:
        """The upper bound that is wrong with probability *error*."""
        from scipy import special

        return np.asarray(self.mean + special.stdtrit(self.freedom, 1 - error) * self.error)


def of(values: npt.ArrayLike, equality: npt.ArrayLike = 1.0, ordered: bool = True) -> Evidence:
    """What is known of the mean of *values*, (..., blocks), at least 3; low ones are gains.

    A gain counts up to CAP, so the mean is never made better than it is, and no single lucky block can hide what all
    others say by making the scale large: a block that gets better never makes the whole look less sure for long.

    Args:
        equality: 1 if all blocks weigh the same, 1/blocks if one has all the weight; see `equality`.
        ordered: blocks follow each other in time.
    Source: t bound widened for AR(1) dependence; degrees of freedom of as many independent blocks as the dependent
        ones are worth (Bayley and Hammersley, 1946).
    """
    every = np.asarray(values, float)
    blocks = every.shape[-1]
    middle = np.median(every, axis=-1, keepdims=True)
    size = np.median(np.abs(every - middle), axis=-1, keepdims=True)
    every = np.maximum(every, middle - CAP * np.where(size > 0, size, np.inf))
    r = dependence(every) if ordered else np.zeros(every.shape[:-1])
    many = worth(blocks, r)
    scale = np.maximum(every.std(axis=-1, ddof=1), 1e-12)
    told = freedom(many * np.asarray(equality, float), blocks)
    return Evidence(every.mean(axis=-1), scale / np.sqrt(many), told, r)


def dependence(values: Floats) -> Floats:
    """Lag-1 autocorrelation along the last axis, freed of its bias and clipped to [0, 0.9].

    Source: the bias is about -(1 + 3r)/n (Marriott and Pope, 1954).
    """
    return np.asarray(np.clip(_lagged(values), 0.0, MOST))


def _lagged(values: Floats) -> Floats:
    blocks = values.shape[-1]
    centred = values - values.mean(axis=-1, keepdims=True)
    power = (centred * centred).sum(axis=-1)
    lagged = (centred[..., 1:] * centred[..., :-1]).sum(axis=-1) / np.where(power > 0, power, 1.0)
    return np.asarray((blocks * lagged + min(1.0, blocks / FULL)) / max(blocks - 3, 1))


def dependences(series: Sequence[Floats]) -> Floats:
    """Lag-1 autocorrelation of each of several *series* of blocks of one time, as it has to be allowed for: clipped to
    [0, 0.9], shape (series,).

    By itself a series of a month says little of it, and of many some look independent by chance. So each is drawn
    towards the mean of all by as much as chance explains their differences, and is never less than that mean: others
    that are independent do not make one look so.
    Source: Efron and Morris (1975), Data analysis using Stein's estimator, with the variance (1 - r^2)/n of each.
    """
    lags = np.array([float(_lagged(values)) for values in series])
    counts = np.array([len(values) for values in series], float)
    mean = float(np.clip(np.average(lags, weights=counts), 0.0, MOST))
    chance = (1 - mean**2) * counts / np.maximum(counts - 3, 1) ** 2
    real = max(float(lags.var(ddof=1) - chance.mean()), 0.0) if len(lags) > 1 else 0.0
    own = real / (real + chance)
    return np.asarray(np.clip(mean + own * np.maximum(lags - mean, 0.0), 0.0, MOST))


def worth(blocks: npt.ArrayLike, r: Floats) -> Floats:
    """How many independent blocks so many are worth that resemble their neighbours by *r*.

    Source: Bayley and Hammersley (1946).
    """
    return np.asarray(np.maximum(np.asarray(blocks, float) * (1 - r) / (1 + r), 1.0))


def freedom(independent: Floats, blocks: npt.ArrayLike) -> Floats:
    """Degrees of freedom of so many *blocks* that are worth *independent* ones."""
    most = np.asarray(blocks, float) - 1
    return np.asarray(np.clip(independent - 1, np.minimum(LEAST_FREEDOM, most), most))


def equality(weights: Floats) -> Floats:
    """How many of the blocks a variance rests on, as a share: 1 for equal weights.

    Source: Satterthwaite's degrees of freedom of a sum of squares with these weights.
    """
    squared = weights * weights
    return np.asarray(squared.sum(axis=-1) ** 2 / (squared * squared).sum(axis=-1) / weights.shape[-1])


def above(threshold: npt.ArrayLike, freedom: Floats) -> Floats:
    """E[max(T - threshold, 0)] of Student's T with more than one degree of freedom."""
    from scipy import special

    a = np.asarray(threshold, float)
    logs = special.gammaln((freedom + 1) / 2) - special.gammaln(freedom / 2) - np.log(freedom * np.pi) / 2
    density = np.exp(logs - (freedom + 1) / 2 * np.log1p(a * a / freedom))
    return np.asarray((freedom + a * a) / (freedom - 1) * density - a * special.stdtr(freedom, -a))
