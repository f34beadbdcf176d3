"""Labels as numbers: a regression's value, or 1 for the positive class."""

import math
from typing import Any

LARGEST = 1e300
Value = bool | int | float | str


def number(value: Value, spec: dict[str, Any]) -> float | str:
    """The label as a number, or (as text) what is wrong with it.

    Args:
        spec: the monitor's; its task and, for two classes, the signature's `classes` (negative, positive).
    """
    if spec["task"] == "binary":
        return _class(value, spec["signature"].get("classes") or [0, 1])
    if isinstance(value, str | bool):
        return "is no number"
    if not math.isfinite(value) or abs(value) > LARGEST:
        return "is not a finite number"
    return float(value)


def _class(value: Value, classes: list[Value]) -> float | str:
    for place, known in enumerate(classes):
        if value == known or str(value) == str(known):
            return float(place)
    if value in (0, 1):
        return float(value)
    return f"is none of the classes {', '.join(map(str, classes))}"


def original(numbers: list[float | None], spec: dict[str, Any]) -> list[Any]:
    """Numbers as the values that the data has."""
    if spec["task"] != "binary":
        return numbers
    classes = spec["signature"].get("classes") or [0, 1]
    return [None if item is None else classes[int(item)] for item in numbers]
