"""The job kind `train` with a graph that was made elsewhere: nothing is trained, and everything else is as always.

It is judged on the last days of the data, which it must not have seen: who adopts it says through when it was trained.
"""

from pathlib import Path

from millrace_contracts.learning import Configuration, TrainResult, TrainSpec
from millrace_contracts.release import Files
from millrace_stats import tasks
from millrace_training.automl import baseline, splits
from millrace_training.automl.aims import Aim
from millrace_training.automl.fitting import Workplace
from millrace_training.automl.judging import Final
from millrace_training.automl.plan import HOLDOUT_DAYS, WHOLE, Plan
from millrace_training.automl.table import load, midnight
from millrace_training.automl.train import Outcome, Spans, candidate, closed, media, opened
from millrace_training.code.accepting import Accepted, adopted, narrowed, of_columns
from millrace_training.graph.session import open_session, predict
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context
from millrace_training.runtime.errors import JobError


def run(spec: TrainSpec, context: Context) -> TrainResult:
    """Hold the graph to the data of one dataset version; returns the candidate. Raises: JobError."""
    assert spec.adopt is not None
    context.report("load", message="reading the rows")
    records = Records(context)
    table = load(records, spec)
    aim = Aim(tasks.of(spec.task), table.classes)
    plan = Plan(spec, context, table, aim, Workplace(Path(context.scratch)))
    split = _unseen(plan)
    run_id = opened(context, spec)
    context.report(
        "accept", message=f"holding version {spec.adopt.version} of {spec.adopt.model} to the data"
    )
    accepted = adopted(records.artifact(spec.adopt.digest), plan)
    outcome = _judged(plan, accepted, split)
    files = {name: records.keep(data, media(name)) for name, data in outcome.data.items()}
    closed(context, run_id, outcome.metrics, files)
    return candidate(of_columns(plan, accepted.columns), outcome, run_id, Files.of(files))


def _unseen(plan: Plan) -> splits.TimeSplit:
    """The last days of the data, of which the model has seen nothing. Raises: JobError if it may have."""
    adopt, table = plan.spec.adopt, plan.table
    if adopt is None or table.days is None:
        detail = "Without event time nobody can say which rows the model has not seen."
        raise JobError(
            "The model cannot be judged", detail, "Name the column of times, or use training.code."
        )
    split = splits.by_time(table, plan.spec.holdout_days or HOLDOUT_DAYS, plan.spec.block)
    first = midnight(split.first_holdout_day, plan.spec.timezone)
    if adopt.trained_through > first:
        raise JobError(
            "The model cannot be judged",
            f"It has seen events up to {adopt.trained_through.isoformat()}, and would be judged by events from "
            f"{first.isoformat()} on.",
            "Train it on earlier rows alone and say through when, or adopt it when later rows are labelled.",
        )
    return split


def _judged(plan: Plan, accepted: Accepted, split: splits.TimeSplit) -> Outcome:
    adopt, table, held = plan.spec.adopt, plan.table, split.holdout
    assert adopt is not None
    assert table.days is not None
    frame = narrowed(table.frame.take(held), accepted.columns)
    predicted = predict(open_session(accepted.graph), frame)
    metrics = plan.aim.task.metrics(table.target[held], predicted)
    mine = of_columns(plan, accepted.columns).table
    data = {
        "model.onnx": accepted.graph,
        "holdout.onnx": accepted.graph,
        "baseline.json": baseline.make(mine, table.days, predicted, held, plan.aim),
    }
    zone = plan.spec.timezone
    spans = Spans(
        None, adopt.trained_through, midnight(split.first_holdout_day, zone), midnight(split.end_day, zone)
    )
    chosen: Configuration = {"id": f"{adopt.model}/{adopt.version}", "family": "adopted", "params": {}}
    final = Final(accepted.graph, 0, None, accepted.parity)
    return Outcome(data, metrics, [chosen], chosen, WHOLE, final, spans)
