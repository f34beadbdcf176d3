"""Groups of people side by side: a rate or a mean of each, with bounds that know rows of one day to be alike.

A metric of a group is a ratio of sums over blocks (days, or buckets of rows), so what stands in a database is a sum a
day. Nothing here is a verdict on people: it says how far groups lie apart and how sure that is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from millrace_stats.series import autocorrelation, inflation
from millrace_stats.tasks import Task, Value

CONFIDENCE = 0.95
LEAST_BLOCKS = 3
"""Blocks with rows of a group, below which its spread cannot be told."""
MOST_GROUPS = 20
MISSING, OTHERS = "(missing)", "(others)"
RATES = frozenset({"selection_rate", "false_positive_rate", "false_negative_rate", "error_rate"})
"""Metrics that are shares of rows."""
Sums = tuple[np.ndarray, np.ndarray]
"""Numerators and denominators by block, each (blocks,)."""
Measures = dict[str, Sums]


@dataclass(frozen=True)
class Estimate:
    """A rate or mean with its 95 % bounds; None where no row, or too few blocks, say."""

    value: float | None
    lower: float | None
    upper: float | None
    rows: int


@dataclass(frozen=True)
class Gap:
    """A group less its reference: the mean, its standard error, and the degrees of freedom of its t bounds."""

    difference: float
    error: float
    freedom: float

    def half(self, confidence: float) -> float:
        """Half the width of a one-sided bound of this *confidence*."""
        from scipy import special  # here: an idle service has no use for it

        return float(special.stdtrit(self.freedom, confidence)) * self.error


@dataclass(frozen=True)
class Judgement:
    """What a gate says of one group: `passed` within the bound, `failed` beyond it, else `inconclusive`."""

    group: str
    verdict: str
    lower: float
    upper: float


def of_rows(
    task: Task, target: np.ndarray, predicted: np.ndarray, classes: Sequence[Value], favourable: str | None
) -> Measures:
    """What each row adds to each metric: numerators and denominators, (rows,) each.

    Args:
        target: labels as numbers; NaN where there is none: such a row says only whether it was selected.
        predicted: answers, (rows,) or (rows, classes); a row without one says nothing.
        favourable: the class, as text, that counts as selected; None where none does.
    Source: the group metrics of Hardt, Price and Srebro (2016) and Barocas, Hardt and Narayanan (2023).
    """
    answered = task.known(predicted)
    labelled = answered & np.isfinite(target)
    measures: Measures = {"loss": (_where(labelled, task.losses(target, predicted)), labelled * 1.0)}
    chosen = task.chosen(predicted, classes)
    if chosen is None:
        return measures | {"mean_error": (_where(labelled, predicted - target), labelled * 1.0)}
    names = np.array([*task.names(classes), ""], dtype=object)
    # A label behind the classes is of one that the model does not know: whatever it chose is wrong.
    places = np.minimum(np.nan_to_num(target), len(names) - 1)
    truth = names[np.where(labelled, places, len(names) - 1).astype(int)]
    measures["error_rate"] = (labelled * (chosen != truth) * 1.0, labelled * 1.0)
    if favourable is None:
        return measures
    selected, deserving = answered & (chosen == favourable), labelled & (truth == favourable)
    spread = task.spread(predicted, classes)
    assert spread is not None, "a task that chooses says how probable each class is"
    probability = spread[:, [*names].index(favourable)]
    others = labelled & ~deserving
    return measures | {
        "selection_rate": (selected * 1.0, answered * 1.0),
        "false_positive_rate": (selected * others * 1.0, others * 1.0),
        "false_negative_rate": (~selected * deserving * 1.0, deserving * 1.0),
        "calibration": (_where(labelled, probability - deserving), labelled * 1.0),
    }


def summed(measures: Measures, here: np.ndarray, blocks: np.ndarray, count: int) -> Measures:
    """The same by block, for the rows of one group.

    Args:
        here: bool (rows,). blocks: place of each row's block, int (rows,), below *count*.
    """
    return {
        name: (
            np.bincount(blocks[here], top[here], count),
            np.bincount(blocks[here], rows[here], count),
        )
        for name, (top, rows) in measures.items()
    }


def estimate(sums: Sums, rate: bool, ordered: bool) -> Estimate:
    """A group's rate or mean.

    The bounds are t bounds of the ratio, over blocks and widened for dependence of neighbours. A rate's stand around
    Agresti and Coull's estimate and are never narrower than independent rows would make them, so that a group without a
    single error is not said to be without doubt.

    Args:
        ordered: blocks follow each other in time.
    """
    rows = int(sums[1].sum())
    if rows == 0:
        return Estimate(None, None, None, 0)
    value = float(sums[0].sum()) / rows
    if _blocks([sums]) < LEAST_BLOCKS:
        return Estimate(value, None, None, rows)
    middle = (float(sums[0].sum()) + 2) / (rows + 4) if rate else value
    least = [middle * (1 - middle) / (rows + 4)] if rate else None
    half = _difference(middle, [sums], least, ordered).half((1 + CONFIDENCE) / 2)
    low, high = middle - half, middle + half
    return Estimate(value, *((max(low, 0.0), min(high, 1.0)) if rate else (low, high)), rows)


def gap(sums: Sums, reference: Sums, rate: bool, ordered: bool) -> Gap | None:
    """How far a group lies from its reference; None where one of them has too few blocks or no rows.

    The error is that of the difference, so that a day that is bad for all counts for none. For rates the centre is
    Agresti and Caffo's, and the error never smaller than theirs.
    """
    both = [sums, reference]
    if _blocks(both) < LEAST_BLOCKS:
        return None
    if not rate:
        first, second = (float(top.sum() / rows.sum()) for top, rows in both)
        return _difference(first - second, both, None, ordered)
    shares = [(float((top.sum() + 1) / (rows.sum() + 2)), float(rows.sum() + 2)) for top, rows in both]
    least = [share * (1 - share) / count for share, count in shares]
    return _difference(shares[0][0] - shares[1][0], both, least, ordered)


def judge(gaps: Mapping[str, Gap], at_most: float) -> list[Judgement]:
    """Whether each group lies within *at_most* of its reference.

    All groups together fail by mistake in at most 5 % (Bonferroni); that a group passes by mistake which lies at the
    bound has a chance of at most 5 %, and so has that all of them do (intersection-union).
    """
    strict = 1 - (1 - CONFIDENCE) / max(len(gaps), 1)
    found = []
    for name, item in gaps.items():
        away, half = abs(item.difference), item.half(CONFIDENCE)
        verdict = "passed" if away + half < at_most else "inconclusive"
        if away - item.half(strict) > at_most:
            verdict = "failed"
        found.append(Judgement(name, verdict, item.difference - half, item.difference + half))
    return found


def named(values: Sequence[Any], edges: Sequence[float] | None) -> np.ndarray:
    """The group of each value as text, object (rows,): a span where there are *edges*, else the value itself.

    Only the commonest MOST_GROUPS values are groups of their own; a missing value is one too.
    """
    if edges is not None:
        return _spans(values, edges)
    texts = np.array([_text(value) for value in values], dtype=object)
    words, counts = np.unique(texts.astype(str), return_counts=True)
    if len(words) > MOST_GROUPS:
        order = np.lexsort((words, -counts))[: MOST_GROUPS - 1]
        kept = set(words[order].tolist())
        texts = np.array([text if text in kept else OTHERS for text in texts], dtype=object)
    return texts


def _spans(values: Sequence[Any], edges: Sequence[float]) -> np.ndarray:
    numbers = np.array([_number(value) for value in values], np.float64)
    names = [f"below {edges[0]:g}"]
    names += [f"{low:g} to below {high:g}" for low, high in pairwise(edges)]
    names += [f"{edges[-1]:g} and more", MISSING]
    places = np.searchsorted(np.asarray(edges, np.float64), numbers, side="right")
    places[np.isnan(numbers)] = len(names) - 1
    return np.array(names, dtype=object)[places]


def _number(value: Any) -> float:
    try:
        return float("nan") if value is None else float(value)
    except (TypeError, ValueError):
        return float("nan")


def _text(value: Any) -> str:
    if value is None or value == "" or (isinstance(value, float) and np.isnan(value)):
        return MISSING
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return f"{value:.0f}" if value.is_integer() else str(value)
    return str(value)[:200]


def _where(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(rows, values, 0.0), np.float64)


def _blocks(parts: Sequence[Sums]) -> int:
    """Blocks with rows, of the part that has fewest."""
    return min(int((rows > 0).sum()) for _, rows in parts)


def _difference(middle: float, parts: Sequence[Sums], least: Sequence[float] | None, ordered: bool) -> Gap:
    """A ratio, or the first less the second, with an error that knows how unequal blocks are.

    Each block's residual is freed of what the block itself moves the ratio, and a large block counts for as many as it
    outweighs: CR2 with Satterthwaite's degrees of freedom (Bell and McCaffrey 2002; Imbens and Kolesár 2016).

    Args:
        least: variance of each ratio if its rows were independent, where that is known.
    """
    moved = _residuals(parts[0]) - (_residuals(parts[1]) if len(parts) > 1 else 0.0)
    r = autocorrelation(moved) if ordered and len(moved) > 2 and moved.any() else 0.0
    variance = float((moved**2).sum()) * inflation(r) ** 2
    variance = max(variance, sum(least or [0.0]))
    return Gap(middle, float(np.sqrt(variance)), _freedom(parts, least, variance))


def _residuals(sums: Sums) -> np.ndarray:
    """What each block adds to the error of the ratio, (blocks,)."""
    top, rows = sums
    total = rows.sum()
    own = np.sqrt(np.maximum(1 - rows / total, 1 / total))
    return np.asarray((top - top.sum() / total * rows) / total / own, np.float64)


def _freedom(parts: Sequence[Sums], least: Sequence[float] | None, variance: float) -> float:
    """Degrees of freedom: of as many blocks of one size as would be as sure.

    Where days move, a block's part of the variance grows with the square of its rows; where rows are independent, with
    their number. Rates say how much of it is the latter; means do not, so the former is taken, which is never too sure.
    """
    shares = [rows / rows.sum() for _, rows in parts]
    weights = sum(share**2 for share in shares)
    weights = weights / weights.sum()
    if least is not None and variance > 0:
        alone = min(sum(least) / variance, 1.0)
        by_rows = sum(share * part for share, part in zip(shares, least, strict=True)) / max(
            sum(least), 1e-300
        )
        weights = (1 - alone) * weights + alone * by_rows
    return float(np.clip(1 / (weights**2).sum() - 1, 1.0, _blocks(parts) - 1))
