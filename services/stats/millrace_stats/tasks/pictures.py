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
class Curve:
    """A curve through a few points, with the diagonal of 0 to 1 beside it."""

    title: str
    x: list[float]
    y: list[float]
    x_name: str
    y_name: str


@dataclass(frozen=True)
class Grid:
    """Shares from 0 to 1 in a square, (names, names): rows are true, columns predicted classes."""

    title: str
    names: list[str]
    shares: npt.NDArray[Any]


Picture = Points | Curve | Grid
