"""Pure: what the gateway answered, as JSON has it: null for what is no finite number."""

from dataclasses import dataclass

import numpy as np

from millrace_contracts.reviews import ReviewSpec
from millrace_contracts.signature import Signature
from millrace_stats import answers


@dataclass(frozen=True)
class Answered:
    """One item a row. *classes* and *probabilities* are None where a model answers with numbers."""

    predictions: list[float | None]
    classes: list[str | None] | None
    probabilities: list[dict[str, float] | None] | None
    needs_review: list[bool] | None = None
    withheld: int = 0


def read(outputs: dict[str, np.ndarray], signature: Signature, review: ReviewSpec | None = None) -> Answered:
    """The outputs of one request by the *signature* of the revision that answered. Raises: KeyError for a missing one.

    Rows that *review* asks people about are flagged, and left out where it says so. The number of a row is the model's
    own, or the probability of the class that is named.
    """
    came = answers.read(outputs, signature)
    numbers = [float(value) if np.isfinite(value) else None for value in came.numbers]
    if came.named is None or came.spread is None:
        return Answered(numbers, None, None)
    needs = _needs_review(came, review)
    shown = came.finite if needs is None or review is None or not review.withhold else came.finite & ~needs
    return Answered(
        [number if kept else None for number, kept in zip(numbers, shown, strict=True)],
        [str(text) if good else None for text, good in zip(came.named, shown, strict=True)],
        _by_class(came.classes, came.spread, shown),
        None if needs is None else needs.tolist(),
        int((came.finite & ~shown).sum()),
    )


def _needs_review(came: answers.Answers, review: ReviewSpec | None) -> np.ndarray | None:
    """Which rows people are asked about, bool (rows,); None where a loop asks about none."""
    if review is None or review.below is None or came.spread is None:
        return None
    return np.asarray(~came.finite | (came.spread.max(axis=1) < review.below))


def _by_class(names: list[str], spread: np.ndarray, finite: np.ndarray) -> list[dict[str, float] | None]:
    rows = zip(spread.tolist(), finite, strict=True)
    return [dict(zip(names, row, strict=True)) if good else None for row, good in rows]
