"""The baseline of a version: frozen bins, daily reference profiles, the holdout's daily losses, and an estimator."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from millrace_stats import shaped
from millrace_stats.profiles import fit_spec, profile
from millrace_stats.tasks import Reduced
from millrace_training.automl import estimating
from millrace_training.automl.aims import Aim
from millrace_training.automl.table import Table, iso_day
from millrace_training.features.columns import Column

MOST_DAYS = 60
SAMPLE = 100_000
"""Most rows from which the bins are made."""


@dataclass(frozen=True)
class DailyLoss:
    """Mean loss of the *n* judged rows of a day."""

    day: str
    n: int
    loss: float


def make(table: Table, days: np.ndarray | None, predicted: np.ndarray, judged: np.ndarray, aim: Aim) -> bytes:
    """baseline.json.

    Args:
        table: all labelled rows before the cut.
        days: day number of each row; None without event time (the rows then stand in one reference).
        predicted: out-of-sample predictions of the *judged* rows, (judged,) or (judged, classes).
        judged: indices of those rows.
    """
    columns, kinds = dict[str, np.ndarray](), dict[str, str]()
    for column in table.frame.columns:
        mine = _profiled(table, column)
        columns |= mine
        kinds |= dict.fromkeys(mine, _kind(column))
    step = max(1, table.frame.rows // SAMPLE)
    reduced = aim.task.reduced(predicted, aim.classes)
    losses = aim.task.losses(table.target[judged], predicted)
    spec = fit_spec({name: values[::step] for name, values in columns.items()}, kinds, reduced)
    rows = {name: values[judged] for name, values in columns.items()}
    when = None if days is None else days[judged]
    document = {
        "profile": spec.to_dict(),
        "days": _days(spec, columns, days, reduced, judged),
        "loss": [] if when is None else _daily_losses(when, losses),
        "estimate": estimating.learn(spec, rows, reduced, table.target[judged], predicted, when, aim),
    }
    return orjson.dumps(document)


def _profiled(table: Table, column: Column) -> dict[str, np.ndarray]:
    """What is counted of a column: its values, or of a tensor what sums its cells up."""
    if column.kind == "tensor":
        return shaped.summaries(column.name, table.frame.values[column.name])
    texts = column.kind == "category"
    return {column.name: table.frame.texts(column.name) if texts else table.frame.values[column.name]}


def _kind(column: Column) -> str:
    return "number" if column.kind == "tensor" else "exact" if column.exact else column.kind


def _days(
    spec: Any,
    columns: dict[str, np.ndarray],
    days: np.ndarray | None,
    reduced: Mapping[str, Reduced],
    judged: np.ndarray,
) -> list[dict[str, object]]:
    """One profile a day, of the last MOST_DAYS days; predictions where there are out-of-sample ones."""
    if days is None:
        outputs = {name: item.values for name, item in reduced.items()}
        whole = profile(spec, {name: values[judged] for name, values in columns.items()} | outputs)
        return [{"day": None, **whole.to_dict()}]
    references: list[dict[str, object]] = []
    place = np.full(len(days), -1)
    place[judged] = np.arange(len(judged))
    for day in np.unique(days)[-MOST_DAYS:]:
        rows = np.flatnonzero(days == day)
        mine = {name: values[rows] for name, values in columns.items()}
        mine |= {name: _where(item, place[rows]) for name, item in reduced.items()}
        references.append({"day": iso_day(day), **profile(spec, mine).to_dict()})
    return references


def _where(item: Reduced, place: np.ndarray) -> np.ndarray:
    """The values at these places, missing where the place is -1."""
    missing = "" if item.kind == "category" else np.nan
    return np.where(place >= 0, item.values[np.maximum(place, 0)], missing)


def _daily_losses(days: np.ndarray, losses: np.ndarray) -> list[DailyLoss]:
    parts = ((day, losses[days == day]) for day in np.unique(days))
    return [DailyLoss(iso_day(day), len(here), float(here.mean())) for day, here in parts]
