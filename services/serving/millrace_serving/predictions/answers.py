"""Pure: what the gateway answered, in words: numbers, and for classes the class that is named and each one's chance."""

from dataclasses import dataclass

import numpy as np

from millrace_contracts.signature import Signature
from millrace_stats import tasks

CLASS = "class"
"""Output that names the class; versions that lack it are told by their probabilities."""


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
    raw = np.asarray(outputs[signature.outputs[0].name], np.float64)
    task, classes = tasks.of(signature.task or "regression"), signature.classes or []
    named, spread = task.chosen(raw, classes), task.spread(raw, classes)
    if named is None or spread is None:
        return Answered(_numbers(raw), None, None)
    number = raw if raw.ndim == 1 else task.confidence(raw)
    assert number is not None
    finite = task.known(raw)
    texts = outputs.get(CLASS, named)
    return Answered(
        _numbers(number),
        [str(text) if good else None for text, good in zip(texts, finite, strict=True)],
        _by_class(task.names(classes), spread, finite),
    )


def _numbers(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _by_class(names: list[str], spread: np.ndarray, finite: np.ndarray) -> list[dict[str, float] | None]:
    rows = zip(spread.tolist(), finite, strict=True)
    return [dict(zip(names, row, strict=True)) if good else None for row, good in rows]
