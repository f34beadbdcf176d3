"""The golden rows: a loaded revision must answer them as the trained pipeline did, or it is not used."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from millrace_contracts.models import Answer, Cell
from millrace_contracts.signature import Signature
from millrace_serving.triton.tensors import Columns, tensor

Answers = dict[str, np.ndarray]
RELATIVE, ABSOLUTE = 1e-4, 1e-5
ALIKE = 0.25
"""Share of their range by which the answers of two forms may differ on any golden row."""
TIE = 1e-3
"""Probabilities that lie so close may be ranked either way, and so may the class that is named."""


class WrongAnswer(Exception):
    """A revision does not answer its golden rows; the text says how."""


def columns(inputs: Mapping[str, list[Cell]], signature: Signature) -> Columns:
    """Tensors from JSON values by column (or input) name; null means missing.

    Raises: WrongAnswer naming the column that the golden rows lack.
    """
    made: Columns = {}
    for item in signature.inputs:
        values = inputs.get(item.name, inputs.get(item.column))
        if values is None:
            raise WrongAnswer(f"the golden rows lack the column {item.column}")
        made[item.name] = (item.datatype, tensor(values, item.datatype, item.shape))
    return made


def compare(
    expected: Mapping[str, list[Answer]], answered: Mapping[str, np.ndarray], exact: bool = True
) -> None:
    """Hold *answered* against *expected*, row by row: numbers, vectors of numbers, and texts.

    Args:
        exact: not, if *expected* is what another form of the same version answered: then it is held against that
            as far as two forms may differ.
    Raises: WrongAnswer.
    """
    if not exact:
        return _compare_forms(expected, answered)
    tied = _tied(expected)
    for name, values in expected.items():
        if name not in answered:
            raise WrongAnswer(f"the output {name} is missing")
        if isinstance(values[0], str):
            _compare_texts(name, values, answered[name], tied)
        else:
            _compare_numbers(name, np.array(values, dtype=np.float64), answered[name])


def _compare_forms(expected: Mapping[str, list[Answer]], answered: Mapping[str, np.ndarray]) -> None:
    """Numbers may differ by a share of their range; texts are what follows from them."""
    for name, values in expected.items():
        if name not in answered:
            raise WrongAnswer(f"the output {name} is missing")
        if not isinstance(values[0], str):
            wanted = np.array(values, dtype=np.float64)
            _compare_numbers(name, wanted, answered[name], 0.0, ALIKE * max(float(np.ptp(wanted)), 1e-3))


def _compare_numbers(
    name: str,
    wanted: npt.NDArray[np.float64],
    answer: np.ndarray,
    relative: float = RELATIVE,
    absolute: float = ABSOLUTE,
) -> None:
    given = np.asarray(answer, dtype=np.float64)
    if given.size != wanted.size or given.shape[1:] != wanted.shape[1:]:
        raise WrongAnswer(f"{name} has {given.size} values for {_counted(wanted)}")
    if not np.isfinite(given).all():
        raise WrongAnswer(f"{name} is not a finite number for golden row {_first(~np.isfinite(given))}")
    wrong = ~np.isclose(given, wanted, rtol=relative, atol=absolute)
    if wrong.any():
        row = _first(wrong)
        raise WrongAnswer(
            f"{name} is {_shown(given[row])} for golden row {row}, expected {_shown(wanted[row])}"
        )


def _compare_texts(name: str, wanted: Sequence[Answer], answer: np.ndarray, tied: frozenset[int]) -> None:
    given = [str(value) for value in np.asarray(answer).reshape(-1)]
    if len(given) != len(wanted):
        raise WrongAnswer(f"{name} has {len(given)} values for {len(wanted)} golden rows")
    for row, (mine, theirs) in enumerate(zip(given, wanted, strict=True)):
        if mine != theirs and row not in tied:
            raise WrongAnswer(f"{name} is {mine[:50]!r} for golden row {row}, expected {str(theirs)[:50]!r}")


def _tied(expected: Mapping[str, list[Answer]]) -> frozenset[int]:
    """Rows whose two likeliest classes are as good as equally likely."""
    rows: set[int] = set()
    for values in expected.values():
        if isinstance(values[0], str):
            continue
        numbers = np.array(values, dtype=np.float64)
        spread = numbers if numbers.ndim == 2 else np.stack([numbers, 1 - numbers], axis=1)
        if spread.shape[1] > 1:
            top = np.sort(spread, axis=1)[:, -2:]
            rows |= set(np.flatnonzero(top[:, 1] - top[:, 0] < TIE).tolist())
    return frozenset(rows)


def _counted(wanted: npt.NDArray[np.float64]) -> str:
    width = "" if wanted.ndim == 1 else f" of {wanted.shape[1]} values each"
    return f"{len(wanted)} golden rows{width}"


def _first(rows: npt.NDArray[np.bool_]) -> int:
    """The first row in which anything is true."""
    return int(np.argmax(rows.reshape(len(rows), -1).any(axis=1)))


def _shown(value: npt.NDArray[np.float64]) -> str:
    numbers = np.atleast_1d(value)
    shown = ", ".join(f"{number:.6g}" for number in numbers[:5])
    return shown if value.ndim == 0 else f"[{shown}{', …' if len(numbers) > 5 else ''}]"
