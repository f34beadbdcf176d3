"""Which values of a request training never saw: they are answered, and whoever asks is warned of them."""

import numpy as np

from millrace_contracts.predictions import MOST_WARNINGS, PredictionWarning
from millrace_contracts.signature import Signature
from millrace_serving.triton.tensors import Columns
from millrace_stats.bins import NumberBins, Slots, Vocabulary
from millrace_stats.profiles import ProfileSpec


def warnings(asked: Columns, signature: Signature, spec: ProfileSpec) -> tuple[int, list[PredictionWarning]]:
    """How many values of a request training never saw, and the first 20: unseen words, numbers beyond its range.

    Args:
        asked: what is sent to the model: one tensor of shape (rows,) per input.
    """
    count, told = 0, list[PredictionWarning]()
    for item in signature.inputs:
        slots = spec.features.get(item.name)
        if item.shape is not None or not isinstance(slots, NumberBins | Vocabulary):
            continue
        values = asked[item.name][1]
        fresh = _fresh(values, slots)
        count += len(fresh)
        for place in fresh[: MOST_WARNINGS - len(told)]:
            what = (
                "was not seen in training"
                if isinstance(slots, Vocabulary)
                else "is outside what training saw"
            )
            where = f"rows[{place}].{item.column}"
            told.append(PredictionWarning(where=where, value=str(values[place])[:100], what=what))
    return count, told


def _fresh(values: np.ndarray, slots: Slots) -> list[int]:
    """Places of the values that lie outside what training saw."""
    if not slots.outside(slots.count(values)):
        return []
    each = range(len(values))
    return [place for place in each if slots.outside(slots.count(values[place : place + 1]))]
