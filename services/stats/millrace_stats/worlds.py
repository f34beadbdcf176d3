"""Made-up worlds whose truth is known, in which the rules that decide are tried."""

from collections.abc import Callable

import numpy as np

ROW_BINS = 20
DAY_SPREAD = 0.7
"""Standard deviation of a day's mean, in standard deviations of a row within its day."""
ERROR_RATE = 0.10
ERROR_SPREAD = 0.1
"""Standard deviation of a day's error rate, on the logit scale."""
LABELS = 10_000


def days(draw: np.random.Generator, series: int, length: int, r: float | np.ndarray) -> np.ndarray:
    """Stationary AR(1) series of variance 1 and lag-1 correlation *r*, a number or of shape (series,).

    Returns: shape (series, length).
    """
    noise = draw.normal(size=(series, length))
    made = np.empty_like(noise)
    made[:, 0] = noise[:, 0]
    for day in range(1, length):
        made[:, day] = r * made[:, day - 1] + np.sqrt(1 - r * r) * noise[:, day]
    return made


def histograms(draw: np.random.Generator, levels: np.ndarray, rows: int = 1000) -> np.ndarray:
    """Daily counts of a normal feature whose mean moves from day to day.

    Args:
        levels: each day's mean in standard deviations of the days, shape (..., days).
        rows: in each day.
    Returns: shape (..., days, ROW_BINS): bins of equal probability over all days.
    """
    from scipy.special import ndtr, ndtri

    edges = ndtri(np.arange(1, ROW_BINS) / ROW_BINS) * np.sqrt(1 + DAY_SPREAD**2)
    below = ndtr(edges - DAY_SPREAD * levels[..., None])
    ends = np.zeros_like(below[..., :1]), np.ones_like(below[..., :1])
    return draw.multinomial(rows, np.diff(np.concatenate([ends[0], below, ends[1]], axis=-1), axis=-1))


def error_rates(
    draw: np.random.Generator, models: int, length: int, r: float, rise: np.ndarray | float = 0.0
) -> np.ndarray:
    """Daily error rates of classifiers with LABELS labels a day: shape (models, length).

    Args:
        rise: added to the true rate, a number or of shape (length,).
    """
    logit = np.log(ERROR_RATE / (1 - ERROR_RATE)) + ERROR_SPREAD * days(draw, models, length, r)
    return np.asarray(draw.binomial(LABELS, 1 / (1 + np.exp(-logit)) + rise) / LABELS)


def pairs(
    draw: np.random.Generator, length: int, r: float, spread: float, gap: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Daily mean losses of two models on the same rows, each of shape (length,).

    Both go up and down together by a fifth; their difference, second less first, has the mean *gap* and the
    standard deviation *spread*, in units of the first one's mean loss.
    """
    first = 1 + 0.2 * days(draw, 1, length, r)[0]
    return first, first + gap + spread * days(draw, 1, length, r)[0]


def failures(
    draw: np.random.Generator, seconds: int, rate: float, share: float, canary: float, stable: float
) -> np.ndarray:
    """Running counts of a canary second by second: shape (seconds, 4), in the order of `canary.Arm`.

    Args:
        rate: requests a second, each of its own key. share: of the canary.
        canary, stable: shares of failing requests.
    """
    keys = np.stack([draw.poisson(rate * share, seconds), draw.poisson(rate * (1 - share), seconds)], axis=1)
    failed = np.stack([draw.binomial(keys[:, 0], canary), draw.binomial(keys[:, 1], stable)], axis=1)
    return np.concatenate([keys, failed], axis=1).cumsum(0)


def blocks(
    draw: np.random.Generator,
    kind: str,
    series: int,
    length: int,
    r: float | np.ndarray,
    spread: float,
    gap: float | np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean losses of champion and candidate by block, each of shape (series, length).

    The mean loss of the candidate is 1 + *gap* times the champion's in every kind of world, *gap* a number
    or of shape (series, 1); *spread* is the standard
    deviation of what a block adds to that, as a share of the champion's mean loss:
    even - normal; tailed - Student's t with three degrees of freedom; harm, gain - lognormal, rare blocks on which
    the candidate is much worse (better) than it usually is; proportional - the champion's loss is lognormal (0.8) and
    the candidate's is a share of it that moves from block to block.
    """
    level, moves = days(draw, series, length, r), days(draw, series, length, r)
    if kind == "proportional":
        champion = np.exp(0.8 * level - 0.32)
        return champion, champion * (1 + gap) * np.exp(spread * moves - spread**2 / 2)
    champion = 1 + 0.2 * level
    return champion, champion * (1 + gap) + spread * SHAPES[kind](moves)


def _tailed(normal: np.ndarray) -> np.ndarray:
    from scipy import special

    return np.asarray(special.stdtrit(3, special.ndtr(normal)) / np.sqrt(3))


def _skewed(normal: np.ndarray) -> np.ndarray:
    return np.asarray((np.exp(normal) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e))


SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "even": lambda normal: normal,
    "tailed": _tailed,
    "harm": _skewed,
    "gain": lambda normal: -_skewed(normal),
}
"""From a normal series to one of variance 1 with other tails, block by block."""
KINDS = ("even", "tailed", "proportional", "gain", "harm")
