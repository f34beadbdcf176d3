"""The table of answers: the input columns, and beside them what the model says, which version said it, and of what."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from millrace_contracts.signature import Signature
from millrace_stats import tasks
from millrace_stats.answers import Answers

MOST_CLASSES = 50
"""Classes up to which each has a column of its own; of more the named one's probability stands alone."""
OURS = "millrace_"
"""What our columns begin with where one of them would have the name of an input column."""


@dataclass(frozen=True)
class Stamp:
    """What stands beside every answer: the *version*, the *request* to which labels refer with the row's index, and
    *at*, the moment that it is for, if one is named."""

    version: int
    request: str
    at: datetime | None = None


def names(signature: Signature, inputs: list[str], timed: bool = False) -> dict[str, str]:
    """How our columns are called, by what they hold: a set of names that no input column has, whatever its capitals.

    *timed*: the moment stands there too.
    """
    plain = ["prediction"]
    if signature.classes or signature.task in ("binary", "multiclass"):
        classes = tasks.of(signature.task or "binary").names(signature.classes or [])
        plain += ["class", *(f"probability_{name}" for name in classes if len(classes) <= MOST_CLASSES)]
    plain += ["version", "request_id", "index", *(["scored_at"] if timed else [])]
    taken = {name.casefold() for name in inputs}
    prefix = ""
    while any((prefix + name).casefold() in taken for name in plain):
        prefix += OURS
    return {name: prefix + name for name in plain}


def beside(inputs: pa.Table, answers: Answers, stamp: Stamp, first: int, called: dict[str, str]) -> pa.Table:
    """The *inputs* and what was answered for their rows; *first*: index of the first row."""
    rows, missing = len(answers.numbers), ~answers.finite
    ours: dict[str, pa.Array] = {"prediction": pa.array(answers.numbers, pa.float64(), mask=missing)}
    if answers.named is not None:
        ours["class"] = pa.array(answers.named, pa.string(), mask=missing)
    if answers.spread is not None:
        for place, name in enumerate(answers.classes):
            ours[f"probability_{name}"] = pa.array(answers.spread[:, place], pa.float64(), mask=missing)
    ours["version"] = pa.array(np.full(rows, stamp.version, np.int64))
    ours["request_id"] = pa.repeat(stamp.request, rows)
    ours["index"] = pa.array(np.arange(first, first + rows, dtype=np.int64))
    if stamp.at is not None:
        ours["scored_at"] = pa.repeat(pa.scalar(stamp.at, pa.timestamp("us", "UTC")), rows)
    columns = {name: inputs.column(name) for name in inputs.column_names}
    return pa.table(columns | {called[name]: values for name, values in ours.items() if name in called})
