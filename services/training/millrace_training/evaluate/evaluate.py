"""The job kind `evaluate`: candidate and champion on the same rows, none of which either had seen."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from millrace_contracts.effects import Effect
from millrace_contracts.learning import (
    BlockSpacing,
    ClassesEvaluation,
    EvaluateResult,
    EvaluateSpec,
    MetricsOfBoth,
    RocPoint,
)
from millrace_contracts.names import BlockUnit
from millrace_stats import tasks
from millrace_table import spacing
from millrace_training.automl import splits
from millrace_training.automl.plan import HOLDOUT_DAYS
from millrace_training.automl.table import Table, copies, load_for, row_digests
from millrace_training.evaluate import archived, blocks, effects, fairness, fit, importance, report
from millrace_training.evaluate.contenders import Judges
from millrace_training.graph.session import predict
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context

SEED = 11


@dataclass(frozen=True)
class Rows:
    """The rows to be judged on, with the answers of both.

    Attributes:
        labels, name: block of each row, int64 (rows,), and what a block is called.
        candidate, champion: answers, (rows,) or (rows, classes); the champion's NaN where it may have seen the row.
        session: the candidate's graph that had not seen them.
        compared: what is held against the answers of others: those of models as new as the one that would serve.
        spacing: how blocks lie in time, in all data; None without event time.
        archived: answers of the versions that may come back, as the champion's.
    """

    table: Table
    labels: np.ndarray
    name: Callable[[int], str]
    candidate: np.ndarray
    champion: np.ndarray | None
    session: Any
    spacing: BlockSpacing | None = None
    archived: dict[int, np.ndarray] = field(default_factory=dict)
    compared: np.ndarray | None = None


def run(spec: EvaluateSpec, context: Context) -> EvaluateResult:
    """Evaluate a candidate; returns metrics, losses by block and slice, importance and its report, if one is drawn."""
    context.report("load", message="reading the rows")
    records = Records(context)
    assert spec.candidate.signature is not None
    table = load_for(records, spec, spec.candidate.signature)
    judges = Judges(records, tasks.of(spec.task))
    rows = (_by_time if table.days is not None else _by_folds)(spec, table, judges, context)
    context.report("explain", message="shuffling and moving columns")
    result = compared(spec, rows)
    if context.pages:
        result.effects = _effects(spec, rows, result)
        page = report.render(_title(spec), result, rows.table, rows.candidate, judges.task, spec.front)
        result.report = records.keep(page, "text/html")
    return result


def _title(spec: EvaluateSpec) -> str:
    return f"{spec.target}: candidate on data version {spec.dataset_version}"


def compared(spec: EvaluateSpec, rows: Rows) -> EvaluateResult:
    """Everything that is told of the candidate, against the champion if there is one."""
    task, table, target = tasks.of(spec.task), rows.table, rows.table.target
    loss = task.losses(target, rows.candidate if rows.compared is None else rows.compared)
    other = None if rows.champion is None else task.losses(target, rows.champion)
    classes = task.report(target, rows.candidate, table.classes)
    return EvaluateResult(
        metrics=MetricsOfBoth(candidate=task.metrics(target, rows.candidate), champion=_champion(task, rows)),
        rows=table.frame.rows,
        independent_rows=len(np.unique(copies(table))),
        blocks=blocks.of_rows(rows.labels, rows.name, loss, other),
        spacing=rows.spacing,
        slices=blocks.of_slices(_texts(spec, table), rows.labels, rows.name, loss, other),
        archived=archived.of_rows(
            {number: task.losses(target, answers) for number, answers in rows.archived.items()},
            rows.labels,
            rows.name,
            loss,
            other,
        ),
        fairness=None
        if spec.fairness is None
        else fairness.of_rows(spec.fairness, task, table, rows.candidate, rows.labels),
        importance=importance.permutation(rows.session, task, table.frame, target, SEED),
        roc=[RocPoint.model_validate(point) for point in task.roc(target, rows.candidate)],
        classes=None if classes is None else ClassesEvaluation.model_validate(classes),
        fit=fit.of_rows(task, target, rows.candidate, table.classes),
    )


def _effects(spec: EvaluateSpec, rows: Rows, result: EvaluateResult) -> list[Effect]:
    """For people alone: no gate looks at them."""
    table = rows.table
    told = effects.outputs(tasks.of(spec.task), spec.target, table.target, table.classes)
    return effects.of_most(rows.session, table.frame, result.importance, told, SEED)


def _champion(task: tasks.Task, rows: Rows) -> dict[str, float | None] | None:
    """The champion's metrics on the rows that it had not seen; None if there are none."""
    if rows.champion is None:
        return None
    answered = task.known(rows.champion)
    return task.metrics(rows.table.target[answered], rows.champion[answered]) if answered.any() else None


def _texts(spec: EvaluateSpec, table: Table) -> dict[str, np.ndarray]:
    wanted, frame = set(spec.slices), table.frame
    return {
        column.name: frame.texts(column.name)
        if column.kind == "category"
        else frame.values[column.name].astype(str)
        for column in frame.columns
        if column.name in wanted and column.kind != "tensor"
    }


def _by_time(spec: EvaluateSpec, table: Table, judges: Judges, context: Context) -> Rows:
    """On the holdout days: each model's newest graph that had not seen them."""
    assert table.days is not None
    split = splits.by_time(table, spec.holdout_days or HOLDOUT_DAYS, spec.block)
    held = table.take(split.holdout)
    context.report("score", message=f"{held.frame.rows} rows")
    session = judges.session(spec.candidate, "holdout")
    predicted = predict(session, held.frame)
    champion = None if spec.champion is None else judges.by_time(spec.champion, held, spec.timezone)
    assert held.days is not None
    labels, unit = spacing.numbers(held.days, spec.block), spec.block
    return Rows(
        held,
        labels,
        lambda label: spacing.name(label, unit),
        predicted,
        champion,
        session,
        _lie(table.days, unit),
        archived.answers(spec, judges, held, context),
        _as_new(judges.out_of_fold(spec.candidate, held), predicted, judges.task),
    )


def _as_new(rolled: np.ndarray, predicted: np.ndarray, task: tasks.Task) -> np.ndarray:
    """The answers of models that were fitted anew within the holdout; where there are none, those of the one before."""
    known = task.known(rolled)
    return np.where(known if predicted.ndim == 1 else known[:, None], rolled, predicted)


def _lie(days: np.ndarray, unit: BlockUnit) -> BlockSpacing:
    """How the blocks of this unit lie in time, in all data before the cut."""
    found = spacing.of(days, unit)
    return BlockSpacing(unit=unit, gap=found.gap, blocks=found.blocks)


def _by_folds(spec: EvaluateSpec, table: Table, judges: Judges, context: Context) -> Rows:
    """On all rows: out-of-fold answers of both; the champion's graph for rows that it was not trained on."""
    predicted = judges.out_of_fold(spec.candidate, table)
    judged = np.flatnonzero(judges.task.known(predicted))
    kept = table.take(judged)
    context.report("score", message=f"{kept.frame.rows} rows")
    champion = None if spec.champion is None else judges.by_folds(spec.champion, kept)
    session = judges.session(spec.candidate, "model")
    labels = row_digests(kept) % blocks.BUCKETS
    return Rows(kept, labels, lambda label: f"bucket {label}", predicted[judged], champion, session)
