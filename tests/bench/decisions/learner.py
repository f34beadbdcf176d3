"""The loop's own learner, remembered: the same days are fitted once, whichever policy asks.

It is the first configuration of the search, LightGBM as the loop fits it when it is told to try one model; the features
are laid out and encoded by the same code. What differs between policies is when they train, on which days, and what
serves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tests.bench.decisions.stream import AT, Stream

from millrace_stats import tasks
from millrace_training.automl import pipeline, targets
from millrace_training.automl.aims import Aim
from millrace_training.automl.portfolio import PORTFOLIO
from millrace_training.features.columns import columns_of
from millrace_training.features.frame import from_arrow

CONFIGURATION = PORTFOLIO[0]
SEED = 7
Days = tuple[int, int]
"""The first and the last day of some rows."""


class NoRows(Exception):
    """A policy wants to learn from days without rows."""


@dataclass(frozen=True)
class Model:
    """What was fitted on the rows of *days*; its answers and its losses on every row behind them (NaN before)."""

    days: Days
    answers: np.ndarray
    losses: np.ndarray


class Learner:
    """Fits on the rows of some days of one stream."""

    def __init__(self, stream: Stream) -> None:
        schema = [{"name": name, "type": _type(stream, name)} for name in stream.rows.columns]
        columns = columns_of(schema, [AT, stream.target])
        task = tasks.of(stream.task)
        self.stream, self.aim = stream, Aim(task, stream.classes)
        self.frame = from_arrow(stream.table, columns)
        self.target = targets.read(stream.table.column(stream.target), task, stream.classes)
        self.models: dict[Days, Model] = {}
        self.bounds = np.searchsorted(stream.day, np.arange(stream.days + 1))

    def rows(self, days: Days) -> slice:
        """The places of the rows of these days, both ends included."""
        first, last = max(days[0], 0), min(days[1], self.stream.days - 1)
        return slice(int(self.bounds[first]), int(self.bounds[last + 1]))

    def fit(self, days: Days) -> Model:
        """The model of these days. Raises: NoRows."""
        days = (max(days[0], 0), days[1])
        if days not in self.models:
            self.models[days] = self._fitted(days)
        return self.models[days]

    def _fitted(self, days: Days) -> Model:
        here = self.rows(days)
        train = np.arange(here.start, here.stop)
        if len(train) == 0:
            raise NoRows(f"{self.stream.name}: no rows on the days {days}")
        fitted = pipeline.fit(
            CONFIGURATION, self.frame.take(train), self.target[train], self.aim, self.stream.zone, SEED, None
        )
        behind = np.arange(here.stop, len(self.target))
        losses = np.full(len(self.target), np.nan)
        answers = self.aim.task.empty(len(self.target), self.aim.classes)
        if len(behind):
            answers[behind] = fitted.predict(self.frame.take(behind))
            losses[behind] = self.aim.task.losses(self.target[behind], answers[behind])
        return Model(days, answers, losses)


def _type(stream: Stream, name: str) -> str:
    kind = stream.rows[name].dtype.kind
    return {"i": "integer", "u": "integer", "f": "number", "b": "boolean", "M": "timestamp"}.get(
        kind, "string"
    )


def document(stream: Stream, policy: str) -> Mapping[str, Any]:
    """The loop that goes through a stream: the same learner, the two windows, and a run a month or at an alarm."""
    return {
        "apiVersion": "millrace.dev/v1alpha1",
        "kind": "ModelLoop",
        "metadata": {"name": f"{stream.name}-{policy}"},
        "spec": {
            "task": stream.task,
            "target": stream.target,
            "data": {"dataset": stream.name, "eventTime": AT, "timezone": stream.zone, "labelDelay": "1d"},
            "training": {
                "search": {"trials": 1, "families": [CONFIGURATION["family"]]},
                "windows": ["all", "60d"],
                "holdout": "28d",
                "seed": SEED,
                "executor": "inline",
                "variants": ["none"],
            },
            "gates": {"policy": policy, "champion": {"margin": 0.02, "minimumDays": 14}},
            "triggers": {"schedule": "30d", "alarms": ["performance"]},
            "cooldown": "14d",
        },
    }
