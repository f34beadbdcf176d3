"""The shape of a tensor cell: an image is [28, 28], a window of a sensor [200, 3]; all rows of a column have one."""

from collections.abc import Sequence
from math import prod
from typing import Annotated

from pydantic import AfterValidator, Field

MOST_VALUES = 65_536
"""Numbers in one cell."""
MOST_AXES = 4


def _bounded(shape: list[int]) -> list[int]:
    if not 1 < prod(shape) <= MOST_VALUES:
        raise ValueError(f"a cell of the shape {shape} does not have 2 to {MOST_VALUES} numbers")
    return shape


Axis = Annotated[int, Field(ge=1, le=MOST_VALUES, strict=True)]
Shape = Annotated[list[Axis], Field(min_length=1, max_length=MOST_AXES), AfterValidator(_bounded)]
"""How long a cell is along each of its axes, the outermost first."""


Nested = list[object]
"""A cell in JSON: lists in lists of numbers; who knows its shape looks into it."""


def values(shape: Sequence[int] | None) -> int:
    """Numbers in one cell: 1 where it has no shape."""
    return prod(shape or (1,))
