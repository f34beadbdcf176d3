"""The baseline that goes with a version: frozen bins, daily reference profiles, the holdout's daily losses."""

from typing import Any

import numpy as np
import orjson

from millrace_stats.profiles import PREDICTION, fit_spec, profile
from millrace_training.automl.table import Table, iso_day

MOST_DAYS = 60
SAMPLE = 100_000
"""Most rows from which the bins are made."""


def make(
    table: Table, days: np.ndarray | None, predicted: np.ndarray, judged: np.ndarray, losses: np.ndarray
) -> bytes:
    """baseline.json.

    Args:
        table: all labelled rows before the cut.
        days: day number of each row; None without event time (the rows then stand in one reference).
        predicted: out-of-sample predictions of the *judged* rows, (judged,).
        judged: indices of those rows. losses: their losses, (judged,).
    """
    columns = {column.name: _values(table, column) for column in table.frame.columns}
    kinds = {column.name: column.kind for column in table.frame.columns}
    step = max(1, table.frame.rows // SAMPLE)
    spec = fit_spec({name: values[::step] for name, values in columns.items()}, kinds, predicted)
    made = {
        "profile": spec.to_dict(),
        "days": _days(spec, columns, days, predicted, judged),
        "loss": [] if days is None else _daily_losses(days[judged], losses),
    }
    return orjson.dumps(made)


def _values(table: Table, column: Any) -> np.ndarray:
    return table.frame.texts(column.name) if column.kind == "category" else table.frame.values[column.name]


def _days(
    spec: Any,
    columns: dict[str, np.ndarray],
    days: np.ndarray | None,
    predicted: np.ndarray,
    judged: np.ndarray,
) -> list[dict[str, Any]]:
    """One profile a day, of the last MOST_DAYS days; predictions where there are out-of-sample ones."""
    if days is None:
        whole = profile(
            spec, {name: values[judged] for name, values in columns.items()} | {PREDICTION: predicted}
        )
        return [{"day": None, **whole.to_dict()}]
    made = []
    place = np.full(len(days), -1)
    place[judged] = np.arange(len(judged))
    for day in np.unique(days)[-MOST_DAYS:]:
        rows = np.flatnonzero(days == day)
        mine = {name: values[rows] for name, values in columns.items()}
        known = place[rows]
        mine[PREDICTION] = np.where(known >= 0, predicted[np.maximum(known, 0)], np.nan)
        made.append({"day": iso_day(day), **profile(spec, mine).to_dict()})
    return made


def _daily_losses(days: np.ndarray, losses: np.ndarray) -> list[dict[str, Any]]:
    made = []
    for day in np.unique(days):
        here = losses[days == day]
        made.append({"day": iso_day(day), "n": len(here), "loss": float(here.mean())})
    return made
