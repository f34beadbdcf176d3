"""The golden rows: a loaded revision must answer them as the trained pipeline did, or it is not used."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from millrace_serving.triton.tensors import Columns, tensor

Answers = dict[str, np.ndarray]
RELATIVE, ABSOLUTE = 1e-4, 1e-5


class WrongAnswer(Exception):
    """A revision does not answer its golden rows; the text says how."""


def columns(inputs: Mapping[str, list[Any]], signature: Mapping[str, Any]) -> Columns:
    """Tensors from JSON values by column (or input) name; null means missing.

    Raises: WrongAnswer naming the column that the golden rows lack.
    """
    made: Columns = {}
    for item in signature["inputs"]:
        values = inputs.get(item["name"], inputs.get(item["column"]))
        if values is None:
            raise WrongAnswer(f"the golden rows lack the column {item['column']}")
        made[item["name"]] = (item["datatype"], tensor(values, item["datatype"]))
    return made


def compare(expected: Mapping[str, list[Any]], answered: Mapping[str, np.ndarray]) -> None:
    """Hold *answered* against *expected*, value by value. Raises: WrongAnswer."""
    for name, values in expected.items():
        if name not in answered:
            raise WrongAnswer(f"the output {name} is missing")
        wanted = np.array([math.nan if v is None else v for v in values], dtype=np.float64).reshape(-1)
        got = np.asarray(answered[name], dtype=np.float64).reshape(-1)
        if got.shape != wanted.shape:
            raise WrongAnswer(f"{name} has {got.size} values for {wanted.size} golden rows")
        if not np.isfinite(got).all():
            raise WrongAnswer(
                f"{name} is not a finite number for golden row {int(np.argmin(np.isfinite(got)))}"
            )
        close = np.isclose(got, wanted, rtol=RELATIVE, atol=ABSOLUTE)
        if not close.all():
            row = int(np.argmin(close))
            raise WrongAnswer(f"{name} is {got[row]:.6g} for golden row {row}, expected {wanted[row]:.6g}")
