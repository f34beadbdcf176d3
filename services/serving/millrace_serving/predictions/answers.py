"""Pure: what the gateway answered, as JSON has it: null for what is no finite number."""

from dataclasses import dataclass

import numpy as np

from millrace_contracts.signature import Signature
from millrace_stats import answers


@dataclass(frozen=True)
class Answered:
    """One item a row. *classes* and *probabilities* are None where a model answers with numbers."""

    predictions: list[float | None]
    classes: list[str | None] | None
    probabilities: list[dict[str, float] | None] | None


def read(outputs: dict[str, np.ndarray], signature: Signature) -> Answered:
    """The outputs of one request by the *signature* of the revision that answered. Raises: KeyError for a missing one.

    The number of a row is the model's own, or the probability of the class that is named.
    """
    came = answers.read(outputs, signature)
    numbers = [float(value) if np.isfinite(value) else None for value in came.numbers]
    if came.named is None or came.spread is None:
        return Answered(numbers, None, None)
    return Answered(
        numbers,
        [str(text) if good else None for text, good in zip(came.named, came.finite, strict=True)],
        _by_class(came.classes, came.spread, came.finite),
    )


def _by_class(names: list[str], spread: np.ndarray, finite: np.ndarray) -> list[dict[str, float] | None]:
    rows = zip(spread.tolist(), finite, strict=True)
    return [dict(zip(names, row, strict=True)) if good else None for row, good in rows]
