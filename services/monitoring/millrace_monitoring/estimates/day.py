"""What the champion's answers of one day let one expect, from its rows and the labels that are there: pure."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from millrace_contracts.estimates import StoredEstimate
from millrace_contracts.monitors import MonitorWrite
from millrace_monitoring.closing.files import classes_of
from millrace_monitoring.closing.rows import Rows, of_file, weights_of
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.monitors.classes import recoded
from millrace_monitoring.profiles import daily
from millrace_monitoring.profiles.baseline import Baseline
from millrace_stats import weighted
from millrace_stats.estimates import learning, selection, slots
from millrace_stats.estimates.estimator import Chunk, Estimator

MOST_ROWS = 50_000
"""Of more rows of a day that many are drawn."""
SEED = 20
NO_ESTIMATOR = "the version was trained without an estimator; the next one has it"
OTHER_CLASSES = "the version answers for other classes than the endpoint does"
NO_ROWS = "the version answered no row"
LABELS = 10
"""Labelled rows below which a day measures nothing."""


@dataclass(frozen=True)
class Answered:
    """Rows of a day: features by tensor name, answers, labels (NaN where there is none), weights if they were drawn."""

    columns: dict[str, np.ndarray]
    served: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None

    def take(self, rows: np.ndarray) -> "Answered":
        """Some of them."""
        weights = None if self.weights is None else self.weights[rows]
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Answered(columns, self.served[rows], self.labels[rows], weights)


def of_closed(table: pa.Table, spec: MonitorWrite, revision: str | None) -> Answered:
    """From a closed day's file, the rows that the champion's revision answered; None: by whichever."""
    answers = Answers.of(spec.task, spec.signature)
    columns, labels = of_file(table, spec.signature.inputs)
    labels = recoded(labels, classes_of(table, answers.classes), answers.classes)
    chosen = table.filter(table["sample"])
    mine = np.array([revision in (None, name) for name in chosen["revision"].to_pylist()], dtype=bool)
    mine &= answers.is_logged(chosen)
    return Answered(columns, answers.of_table(chosen), labels, weights_of(table)).take(np.flatnonzero(mine))


def of_open(rows: Rows) -> Answered:
    """From the rows of a day that has not closed."""
    mine = np.flatnonzero(rows.by_champion & rows.logged)
    return Answered(rows.columns, rows.served, rows.labels, rows.weights).take(mine)


def estimate(answered: Answered, spec: MonitorWrite, baseline: Baseline) -> StoredEstimate:
    """The day's figures."""
    answers, estimator = Answers.of(spec.task, spec.signature), baseline.estimator
    known = np.flatnonzero(answers.task.known(answered.served))
    if estimator is None:
        return StoredEstimate(why=baseline.unread or NO_ESTIMATOR)
    if not _fits(estimator, answers):
        return StoredEstimate(why=OTHER_CLASSES)
    if not len(known):
        return StoredEstimate(why=NO_ROWS)
    if len(known) > MOST_ROWS:
        known = np.sort(np.random.default_rng(SEED).choice(known, MOST_ROWS, replace=False))
    rows = answered.take(known)
    chunk = _chunk(rows, spec, baseline, answers)
    told = estimator.expect(chunk)
    found = StoredEstimate(
        method=estimator.method, rows=len(known), metrics=dict(told.metrics), variance=told.variance
    )
    return found.model_copy(update=_labelled(rows, chunk, told.losses, estimator, answers))


def _fits(estimator: Estimator, answers: Answers) -> bool:
    curves = len(estimator.curves)
    return estimator.task == answers.task.name and curves in (0, 1, answers.width)


def _chunk(rows: Answered, spec: MonitorWrite, baseline: Baseline, answers: Answers) -> Chunk:
    named = daily.named(spec.signature.inputs, rows.columns)
    columns = daily.columns_of(baseline.spec, named, answers.reduced(rows.served), len(rows.served))
    return Chunk(rows.served, slots.place(baseline.spec, columns))


def _labelled(
    rows: Answered, chunk: Chunk, expected: np.ndarray, estimator: Estimator, answers: Answers
) -> dict[str, object]:
    """What labels say, as far as they are there."""
    mine = np.isfinite(rows.labels)
    count = int(mine.sum())
    if count < LABELS:
        return {"labelled": count}
    here = np.flatnonzero(mine)
    part, target = chunk.take(here), rows.labels[here]
    again = estimator.expect(part)
    measured = learning.measured(answers.task, target, part)
    told: dict[str, object] = {
        "labelled": count,
        "expected": again.metrics["loss"],
        "spread": again.variance,
        "measured": {
            name: value for name, value in measured.items() if value is not None and name in again.metrics
        },
    }
    losses = np.full(len(mine), np.nan)
    losses[here] = answers.task.losses(target, part.predicted)
    if rows.weights is not None:
        return told | {"drawn": True} | _drawn(losses, expected, rows.weights)
    if count >= selection.COMPLETE * len(mine):
        return told
    columns = {"what is expected of its loss": expected}
    columns |= {name: placed.astype(np.float64) for name, placed in chunk.slots.items()}
    return (
        told
        | {"differences": selection.differences(mine, columns)}
        | _adjusted(expected, losses, target, answers)
    )


def _drawn(losses: np.ndarray, expected: np.ndarray, weights: np.ndarray) -> dict[str, object]:
    """Labels that people gave to rows drawn with known chances speak for all."""
    mean = weighted.mean(losses, weights)
    usual = weighted.mean(np.where(np.isfinite(losses), expected, np.nan), weights)
    if mean is None or usual is None:
        return {}
    return {"adjusted": mean.mean, "error": mean.error, "expected": usual.mean}


def _adjusted(
    expected: np.ndarray, losses: np.ndarray, target: np.ndarray, answers: Answers
) -> dict[str, object]:
    if answers.task.classifies and len(np.unique(target)) == 1:
        return {"refused": "labels came for one class only, so they say nothing of all rows"}
    found = selection.adjusted(expected, losses)
    return {"refused": found} if isinstance(found, str) else {"adjusted": found.loss, "error": found.error}
