"""JSON values as tensors: null becomes NaN, "" or the smallest INT64; ISO texts become epoch seconds."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

MISSING_TIMESTAMP = int(np.iinfo(np.int64).min)
Columns = dict[str, tuple[str, np.ndarray]]


def tensor(values: Sequence[Any], datatype: str, shape: Sequence[int] | None = None) -> np.ndarray:
    """JSON values as one tensor of shape (rows,), or (rows, *shape) of lists of so many numbers.

    Raises: ValueError, TypeError, OverflowError.
    """
    if shape is not None:
        missing = [math.nan] * math.prod(shape)
        cells = [missing if cell is None else cell for cell in values]
        return np.array(cells, dtype=np.float64).astype(np.float32).reshape(len(cells), *shape)
    if datatype == "BYTES":
        return np.array(["" if value is None else str(value) for value in values], dtype=object)
    if datatype == "INT64":
        return np.array([epoch(value) for value in values], dtype=np.int64)
    numbers = [math.nan if value is None else float(value) for value in values]
    return np.array(numbers, dtype=np.float64 if datatype == "FP64" else np.float32)


def epoch(value: Any) -> int:
    """Epoch seconds of an ISO text (UTC unless it says otherwise) or a number. Raises: ValueError."""
    if value is None:
        return MISSING_TIMESTAMP
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        return math.floor((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    return int(value)
