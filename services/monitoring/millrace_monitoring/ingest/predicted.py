"""Answers that come with rows over REST: a number, or a probability for each class, as columns of a segment."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from millrace_contracts.logged import PredictedValue
from millrace_monitoring.ingest import segments
from millrace_monitoring.ingest.answers import Answers
from millrace_stats.tasks import Refusal

SUM = 0.01
"""How far the probabilities of all classes may be from 1 together."""


def read(value: PredictedValue, kind: Answers) -> float | list[float] | Refusal:
    """One answer that is not null, as it is kept; or why it is none."""
    if kind.width == 1:
        return Refusal("is no number") if isinstance(value, list | Mapping) else value
    if isinstance(value, Mapping):
        return _by_class(value, kind)
    if not isinstance(value, list) or len(value) != kind.width:
        return Refusal(f"has not one probability for each of the {kind.width} classes")
    return _checked(value)


def _by_class(given: Mapping[str, float], kind: Answers) -> list[float] | Refusal:
    """Probabilities in the order of the classes; one that is not named has none."""
    values = [0.0] * kind.width
    for name, probability in given.items():
        place = kind.task.parse(name, kind.classes)
        if isinstance(place, Refusal):
            return Refusal(f"names {name[:80]!r}, which {place.words}")
        values[int(place)] = probability
    return _checked(values)


def _checked(values: list[float]) -> list[float] | Refusal:
    if any(not 0 <= value <= 1 for value in values):
        return Refusal("has a probability that is not between 0 and 1")
    if abs(math.fsum(values) - 1) > SUM:
        return Refusal(f"has probabilities that are {math.fsum(values):.4g} together, not 1")
    return values


def columns(answers: Sequence[float | list[float] | None], width: int) -> dict[str, pa.Array]:
    """Answers as a segment keeps them: `prediction`, and `probabilities` where they are vectors.

    Args:
        answers: as `read` gives them; None for a row that is scored when its day closes.
    """
    if width == 1:
        return {"prediction": pa.array(answers, pa.float64())}
    absent = np.array([answer is None for answer in answers], dtype=bool)
    return {
        "prediction": pa.array(np.full(len(answers), np.nan), pa.float64(), mask=absent),
        segments.VECTORS: pa.array(answers, segments.VECTOR),
    }


def of_stream(column: pa.Array, width: int) -> dict[str, pa.Array] | Refusal:
    """The same from a column of lists; null for a row that is scored when its day closes."""
    given = column.drop_null()
    values = given.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    if len(values) != len(given) * width or any(len(one) != width for one in given):
        return Refusal(f"has not one probability for each of the {width} classes in every row")
    if not ((values >= 0) & (values <= 1)).all():
        return Refusal("has a probability that is not between 0 and 1")
    if (np.abs(values.reshape(-1, width).sum(axis=1) - 1) > SUM).any():
        return Refusal("has probabilities that are not 1 together")
    absent = column.is_null().to_numpy(zero_copy_only=False)
    numbers = pa.array(np.full(len(column), np.nan), pa.float64(), mask=absent)
    return {"prediction": numbers, segments.VECTORS: column.cast(segments.VECTOR)}
