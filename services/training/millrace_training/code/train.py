"""The job kind `train` with code of a user's own: it learns from what comes before the holdout, and is judged on it.

It is trained once, and what was judged is what is served: rows of the holdout never reach it.
"""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from millrace_contracts.custom_code import FILE, CodeMade, CodeSpec
from millrace_contracts.learning import Configuration, Metrics, TrainResult, TrainSpec
from millrace_contracts.release import Files
from millrace_stats import tasks
from millrace_training.automl import baseline, oof, splits
from millrace_training.automl.aims import Aim
from millrace_training.automl.fitting import Workplace
from millrace_training.automl.judging import Final
from millrace_training.automl.plan import HOLDOUT_DAYS, WHOLE, Plan
from millrace_training.automl.table import load, midnight, row_digests
from millrace_training.automl.train import Outcome, Spans, candidate, closed, media, opened
from millrace_training.code import laying
from millrace_training.code.accepting import Accepted, accept, narrowed, of_columns
from millrace_training.code.process import CodeProcess
from millrace_training.graph.session import open_session, predict
from millrace_training.rows.digests import mixed
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context
from millrace_training.runtime.errors import JobError


@dataclass(frozen=True)
class Trained:
    """One training by the code: on which *rows* and window, what came of it, and how it ran."""

    window: str
    rows: np.ndarray
    accepted: Accepted
    process: CodeProcess


@dataclass(frozen=True)
class Judged:
    """The best training, its predictions of the *held* rows, and their metrics."""

    trained: Trained
    held: np.ndarray
    predicted: np.ndarray
    metrics: Metrics


def run(spec: TrainSpec, context: Context) -> TrainResult:
    """Train on one dataset version by the code; returns the candidate."""
    assert spec.code is not None
    assert spec.code.digest is not None
    context.report("load", message="reading the rows")
    records = Records(context)
    table = load(records, spec)
    plan = Plan(
        spec, context, table, Aim(tasks.of(spec.task), table.classes), Workplace(Path(context.scratch))
    )
    archive = records.artifact(spec.code.digest)
    run_id = opened(context, spec)
    outcome, best = (_by_time if table.days is not None else _by_fold)(plan, archive)
    files = {name: records.keep(data, media(name)) for name, data in outcome.data.items()}
    files[FILE] = spec.code.digest
    closed(context, run_id, outcome.metrics, files)
    made = candidate(of_columns(plan, best.accepted.columns), outcome, run_id, Files.of(files))
    return made.model_copy(update={"code": _made(spec.code, best)})


def _made(code: CodeSpec, best: Trained) -> CodeMade:
    assert code.digest is not None
    return CodeMade(
        digest=code.digest,
        entry=code.entry,
        params=code.params,
        image=code.image,
        environment=best.process.environment(),
        guards=best.process.guards(),
        resumed=best.process.losses.count,
        workers=best.process.losses.told(),
    )


def _by_time(plan: Plan, archive: bytes) -> tuple[Outcome, Trained]:
    """Train on what lies before the last blocks of days, in each window; the best on those days is the candidate."""
    table, days, zone = plan.table, plan.table.days, plan.spec.timezone
    assert days is not None
    split = splits.by_time(table, plan.spec.holdout_days or HOLDOUT_DAYS, plan.spec.block)
    each = [
        _judged(plan, _trained(plan, window, rows, archive), split.holdout)
        for window, rows in splits.windows(plan.table, plan.spec.windows, split)
    ]
    best = min(each, key=lambda item: float(item.metrics["loss"] or 0.0))
    graph, mine = best.trained.accepted.graph, of_columns(plan, best.trained.accepted.columns)
    data = {
        "model.onnx": graph,
        "holdout.onnx": graph,
        "baseline.json": baseline.make(mine.table, days, best.predicted, split.holdout, plan.aim),
    }
    held, first = midnight(split.first_holdout_day, zone), int(days[best.trained.rows].min())
    spans = Spans(midnight(first, zone), held, held, midnight(split.end_day, zone))
    return _outcome(plan, data, best, spans, first), best.trained


def _by_fold(plan: Plan, archive: bytes) -> tuple[Outcome, Trained]:
    """Train on all rows but those of one fold: the same rows in every version of the data, so that champion and
    candidate have seen none of them."""
    table = plan.table
    draw = mixed(row_digests(table).view(np.uint64) ^ np.uint64(plan.spec.seed))
    held = np.flatnonzero(draw % np.uint64(plan.spec.folds) == 0)
    rows = np.flatnonzero(draw % np.uint64(plan.spec.folds) != 0)
    if len(held) == 0 or len(rows) < splits.LEAST_TRAINING_ROWS:
        detail = f"{len(rows)} rows to train on and {len(held)} to judge by are too few."
        raise JobError("Too little data", detail, "Add labelled data.")
    best = _judged(plan, _trained(plan, WHOLE, rows, archive), held)
    predicted = plan.aim.task.empty(table.frame.rows, table.classes)
    predicted[held] = best.predicted
    mine = of_columns(plan, best.trained.accepted.columns).table
    data = {
        "model.onnx": best.trained.accepted.graph,
        "oof.parquet": oof.write(mine, predicted),
        "baseline.json": baseline.make(mine, None, best.predicted, held, plan.aim),
    }
    return _outcome(plan, data, best, Spans(), None), best.trained


def _outcome(plan: Plan, data: dict[str, bytes], best: Judged, spans: Spans, first: int | None) -> Outcome:
    code, accepted = plan.spec.code, best.trained.accepted
    assert code is not None
    chosen: Configuration = {"id": code.entry, "family": "code", "params": dict(code.params)}
    final = Final(accepted.graph, len(best.trained.rows), first, accepted.parity)
    return Outcome(data, best.metrics, [chosen], chosen, best.trained.window, final, spans)


def _trained(plan: Plan, window: str, rows: np.ndarray, archive: bytes) -> Trained:
    """Run the code on these rows, and take its graph."""
    code, ordered = plan.spec.code, laying.in_time(plan, rows)
    assert code is not None
    plan.context.report("train", message=f"{code.entry} on {len(rows)} rows")
    laid = laying.rows_of(plan, ordered)
    process = CodeProcess(plan.context, f"code-{window}", code, archive, plan.spec.workers)
    laying.lay(process.folder, plan, ordered, laid)
    process.prepare(laying.order(plan, laid))
    with closing(process):
        exported = process.run(plan.spec.seed)
    plan.context.report("accept", message="holding the graph to what the code answered")
    return Trained(window, ordered, accept(process.graph(exported), exported, plan, laid), process)


def _judged(plan: Plan, trained: Trained, held: np.ndarray) -> Judged:
    frame = narrowed(plan.table.frame.take(held), trained.accepted.columns)
    predicted = predict(open_session(trained.accepted.graph), frame)
    return Judged(trained, held, predicted, plan.aim.task.metrics(plan.table.target[held], predicted))
