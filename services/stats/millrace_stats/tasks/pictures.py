"""What a report may draw of predictions, as plain numbers: who draws needs to know no task."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """A cloud of points, (rows,) each, with a line from corner to corner on which they would be perfect."""

    title: str
    x: Floats
    y: Floats
    x_name: str
    y_name: str


@dataclass(frozen=True)
class Calibration:
    """How often it was so (*observed*) where so much was *predicted*, by tenths of the probability scale."""

    title: str
    predicted: list[float]
    observed: list[float]
    what: str


@dataclass(frozen=True)
class Grid:
    """Rows by true (first) and chosen class, (names, names)."""

    title: str
    names: list[str]
    counts: npt.NDArray[Any]


Picture = Points | Calibration | Grid
