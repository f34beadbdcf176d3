"""The job kind `train`: search or refit, judge on rows that no model has seen, fit again on all, export, prove."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from millrace_contracts.learning import Configuration, Metrics, Parity, TrainResult, TrainSpec
from millrace_contracts.release import Files
from millrace_contracts.searching import SearchFront
from millrace_contracts.training_runs import TrainingRunChange, TrainingRunState, TrainingRunWrite
from millrace_training.automl import baseline, front, golden, judging, oof, rare, selecting, splits
from millrace_training.automl.judging import Final
from millrace_training.automl.plan import HOLDOUT_DAYS, WHOLE, Plan
from millrace_training.automl.selecting import Selected
from millrace_training.automl.table import copies, load, midnight
from millrace_training.graph import nets
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context


@dataclass(frozen=True)
class Spans:
    """From which instant on and up to which the model has seen rows, and was judged; None without event time."""

    trained_from: datetime | None = None
    trained_through: datetime | None = None
    holdout_from: datetime | None = None
    holdout_through: datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """What a training came to: files by name, the metrics of unseen rows, and which span they and it came from."""

    data: dict[str, bytes]
    metrics: Metrics
    configurations: list[Configuration]
    configuration: Configuration
    window: str
    final: Final
    spans: Spans
    front: SearchFront | None = None


def run(spec: TrainSpec, context: Context) -> TrainResult:
    """Train on one dataset version; returns the candidate."""
    context.report("load", message="reading the rows")
    records = Records(context)
    plan = Plan.of(spec, context, load(records, spec))
    run_id = opened(context, spec)
    outcome = by_time(plan) if plan.table.days is not None else by_folds(plan)
    files = {name: records.keep(data, media(name)) for name, data in outcome.data.items()}
    more = {}
    if outcome.front is not None:
        more["front.json"] = records.keep(outcome.front.model_dump_json().encode(), media("front.json"))
    closed(context, run_id, outcome.metrics, files | more)
    return candidate(plan, outcome, run_id, Files.of(files))


def by_time(plan: Plan) -> Outcome:
    """Judge on the last blocks of days, then fit on everything."""
    table, days, zone = plan.table, plan.table.days, plan.spec.timezone
    assert days is not None
    split = splits.by_time(table, plan.spec.holdout_days or HOLDOUT_DAYS, plan.spec.block)
    selected = given(plan) or selecting.by_time(plan, split)
    best = judging.on_holdout(plan, selected.configurations, split)
    answers = None
    if plan.spec.rolling:
        best, answers = judging.as_new(plan, best, split)
    final = judging.final(plan, best.configuration, best.window, split.end_day)
    assert final.first_day is not None
    data = {
        "model.onnx": final.graph,
        "holdout.onnx": best.graph,
        "baseline.json": baseline.make(table, days, best.predicted, split.holdout, plan.aim),
    }
    if answers is not None:
        data["oof.parquet"] = oof.write(table.take(split.holdout), answers)
    metrics = plan.aim.task.metrics(table.target[split.holdout], best.predicted)
    end = midnight(split.end_day, zone)
    holdout = midnight(split.first_holdout_day, zone), end
    spans = Spans(midnight(final.first_day, zone), plan.spec.cut or end, *holdout)
    found = timed(selected, final, best.configuration)
    return Outcome(
        data, metrics, selected.configurations, best.configuration, best.window, final, spans, found
    )


def by_folds(plan: Plan) -> Outcome:
    """Judge by cross-validation, then fit on everything."""
    table, spec = plan.table, plan.spec
    fold = splits.folds(table.target, spec.folds, plan.aim.task, spec.seed, copies(table))
    folds = plan.place.keep_rows("folds", fold)
    only = None if table.frame.rows < splits.SMALL else [0]
    selected = given(plan) or selecting.by_folds(plan, fold, only, None)
    chosen = selected.configurations[0]
    predicted = judging.out_of_fold(plan, chosen, folds)
    final = judging.final(plan, chosen, WHOLE, 0)
    data = {
        "model.onnx": final.graph,
        "oof.parquet": oof.write(table, predicted),
        "baseline.json": baseline.make(table, None, predicted, np.arange(table.frame.rows), plan.aim),
    }
    if nets.count(final.graph) or (spec.distil and chosen["family"] == "ensemble"):
        data["holdout.onnx"] = judging.before_first_fold(plan, chosen, fold)
    metrics = plan.aim.task.metrics(table.target, predicted)
    found = timed(selected, final, chosen)
    return Outcome(data, metrics, selected.configurations, chosen, WHOLE, final, Spans(), found)


def given(plan: Plan) -> Selected | None:
    """What an earlier search chose, if this is a refit."""
    configurations = plan.configurations()
    return Selected(configurations) if configurations else None


def timed(selected: Selected, final: Final, chosen: Configuration) -> SearchFront | None:
    """What the search found of loss and latency, with the latency of the graph that the version has.

    Args:
        chosen: the configuration that the version has: of two families the holdout may prefer the second.
    """
    if selected.front is None or selected.watch is None:
        return None
    return front.with_final(selected.front, chosen["id"], final.graph, selected.watch)


def candidate(plan: Plan, outcome: Outcome, run_id: str, files: Files) -> TrainResult:
    """What a training came to, as it travels."""
    ordered = sorted(outcome.configurations, key=lambda item: item != outcome.configuration)
    scarce = rare.told(plan.table.target, plan.table.classes)
    if scarce:
        plan.context.log("classes with few rows", rows=scarce, needed=rare.LEAST_ROWS)
    return TrainResult(
        run=run_id,
        files=files,
        baseline=files.digest("baseline"),
        signature=plan.signature,
        metrics={"holdout": outcome.metrics},
        configurations=[_columns(item, plan) for item in ordered],
        configuration=outcome.configuration,
        window=outcome.window,
        rows=outcome.final.rows,
        parity=None if outcome.final.parity is None else Parity.model_validate(outcome.final.parity),
        golden=golden.make(outcome.final.graph, plan.table.frame),
        layers=nets.count(outcome.final.graph),
        rare_classes=scarce,
        front=outcome.front,
        trained_from=outcome.spans.trained_from,
        trained_through=outcome.spans.trained_through,
        holdout_from=outcome.spans.holdout_from,
        holdout_through=outcome.spans.holdout_through,
    )


def _columns(item: Configuration, plan: Plan) -> Configuration:
    """With what a refit must not choose anew: clients go on sending the same tensors."""
    kept: Configuration = {**item, "left_out": plan.table.left_out}
    exact = [column.name for column in plan.table.frame.columns if column.exact]
    if exact:
        kept["exact"] = exact
    return kept


def media(name: str) -> str:
    """The type under which a file of a release is kept."""
    return "application/json" if name.endswith(".json") else "application/octet-stream"


def opened(context: Context, spec: TrainSpec) -> str:
    """Begin the run in the registry; returns its id."""
    shown = spec.model_dump(mode="json", exclude_unset=True, exclude={"dataset", "dataset_version"})
    run = TrainingRunWrite(
        key=context.job.key,
        loop=context.job.loop or "",
        loop_run=context.job.loop_run,
        job=context.job.id,
        dataset=spec.dataset,
        dataset_version=spec.dataset_version,
        params=shown,
    )
    return context.client.registry.create_run(run).id


def closed(context: Context, run_id: str, metrics: Metrics, files: dict[str, str]) -> None:
    """Tell the registry what became of the run."""
    numbers = {name: value for name, value in metrics.items() if value is not None}
    ended = TrainingRunChange(state=TrainingRunState.SUCCEEDED, metrics=numbers, artifacts=files)
    context.client.registry.update_run(run_id, ended)
