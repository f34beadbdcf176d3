"""What the outputs of a graph say, by its signature: a number a row, and for classes the class and each one's chance.

Online and batch predictions are both read here, so that they cannot differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from millrace_contracts.signature import Signature
from millrace_stats import tasks

CLASS = "class"
"""Output that names the class; versions that lack it are told by their probabilities."""


@dataclass(frozen=True)
class Answers:
    """What was answered for some rows.

    Attributes:
        numbers: float64 (rows,): the model's own number, or the probability of the class that is named; of two
            classes that of the second.
        finite: bool (rows,): whether there is an answer at all.
        named: object (rows,): the class as text; None where a model answers with numbers.
        spread: float64 (rows, classes) in the order of *classes*; None where a model answers with numbers.
        classes: the classes as text.
    """

    numbers: npt.NDArray[np.float64]
    finite: npt.NDArray[np.bool_]
    named: npt.NDArray[np.object_] | None
    spread: npt.NDArray[np.float64] | None
    classes: list[str]


def read(outputs: Mapping[str, npt.NDArray[Any]], signature: Signature) -> Answers:
    """The *outputs* of one request, each of shape (rows,) or (rows, width). Raises: KeyError for a missing one."""
    raw = np.asarray(outputs[signature.outputs[0].name], np.float64)
    task, classes = tasks.of(signature.task or "regression"), signature.classes or []
    spread = task.spread(raw, classes)
    if spread is None:
        return Answers(raw, np.isfinite(raw), None, None, [])
    numbers = raw if raw.ndim == 1 else task.confidence(raw)
    assert numbers is not None
    named = outputs[CLASS] if CLASS in outputs else task.chosen(raw, classes)
    return Answers(numbers, task.known(raw), np.asarray(named, object), spread, task.names(classes))
