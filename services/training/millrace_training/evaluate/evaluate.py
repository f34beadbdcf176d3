"""The job kind `evaluate`: candidate and champion on the same rows, none of which either had seen."""

import io
from datetime import datetime
from typing import Any

import numpy as np

from millrace_training.automl import splits
from millrace_training.automl.table import Table, iso_day, load, midnight, row_digests
from millrace_training.rows.records import Records
from millrace_training.evaluate import blocks, importance, report
from millrace_training.evaluate.metrics import losses, metrics, roc
from millrace_training.features.columns import columns_from_signature
from millrace_training.graph.session import open_session, predict
from millrace_training.runtime.context import Context

SEED = 11


def run(spec: dict[str, Any], context: Context) -> dict[str, Any]:
    """Evaluate a candidate; returns metrics, losses by block and slice, importance and the report's digest."""
    context.report("load", message="reading the rows")
    records = Records(context)
    mine = spec["candidate"]
    table = load(records, spec, columns_from_signature(mine["signature"]))
    judging = _by_time if table.days is not None else _by_folds
    made = judging(Evaluation(spec, context, records, table))
    made["report"] = records.keep(made["report"], "text/html")
    return made


class Evaluation:
    """One evaluation: its rows and both models' files."""

    def __init__(self, spec: dict[str, Any], context: Context, records: Records, table: Table) -> None:
        self.spec, self.context, self.records, self.table = spec, context, records, table
        self.task, self.zone = spec["task"], spec.get("timezone") or "UTC"
        self.mine, self.theirs = spec["candidate"], spec.get("champion")

    def session(self, model: dict[str, Any], name: str) -> Any:
        return open_session(self.records.artifact(model["files"][name]))

    def result(
        self,
        table: Table,
        labels: np.ndarray,
        name: Any,
        predicted: np.ndarray,
        champion: np.ndarray | None,
        session: Any,
    ) -> dict[str, Any]:
        """Everything that is told about *predicted* against *champion* (NaN where it may have seen the row)."""
        loss = losses(self.task, table.target, predicted)
        other = None if champion is None else losses(self.task, table.target, champion)
        known = np.isfinite(predicted) if champion is None else np.isfinite(champion)
        metrics_of_both = {
            "candidate": metrics(self.task, table.target, predicted),
            "champion": metrics(self.task, table.target[known], champion[known])
            if champion is not None and known.any()
            else None,
        }
        self.context.report("explain", message="shuffling columns")
        made: dict[str, Any] = {
            "metrics": metrics_of_both,
            "blocks": blocks.of_rows(labels, name, loss, other),
            "slices": blocks.of_slices(self._texts(table), labels, name, loss, other),
            "importance": importance.permutation(session, self.task, table.frame, table.target, SEED),
            "roc": roc(table.target, predicted) if self.task == "binary" else [],
        }
        title = f"{self.spec['target']}: candidate on data version {self.spec['dataset_version']}"
        return made | {"report": report.render(title, made, table.target, predicted, self.task)}

    def _texts(self, table: Table) -> dict[str, np.ndarray]:
        wanted = set(self.spec.get("slices") or [])
        columns = [column for column in table.frame.columns if column.name in wanted]
        return {
            column.name: table.frame.texts(column.name)
            if column.kind == "category"
            else table.frame.values[column.name].astype(str)
            for column in columns
        }


def _by_time(job: Evaluation) -> dict[str, Any]:
    """On the holdout days: each model's newest graph that had not seen them."""
    split = splits.by_time(job.table, int(job.spec.get("holdout_days") or 28))
    rows = job.table.take(split.holdout)
    job.context.report("score", message=f"{rows.frame.rows} rows")
    session = job.session(job.mine, "holdout.onnx")
    predicted = predict(session, rows.frame)
    champion = None if job.theirs is None else _champion_by_time(job, rows)
    assert rows.days is not None
    return job.result(rows, rows.days, iso_day, predicted, champion, session)


def _champion_by_time(job: Evaluation, rows: Table) -> np.ndarray:
    theirs = job.theirs
    assert theirs is not None
    assert rows.days is not None
    made = np.full(rows.frame.rows, np.nan)
    fresh = _from(rows.days, theirs.get("trained_through"), job.zone)
    before = _from(rows.days, theirs.get("holdout_from"), job.zone) & ~fresh
    for name, here in (("model.onnx", fresh), ("holdout.onnx", before)):
        if here.any() and name in theirs["files"]:
            part = np.flatnonzero(here)
            made[part] = predict(job.session(theirs, name), rows.frame.take(part))
    return made


def _from(days: np.ndarray, instant: str | None, zone: str) -> np.ndarray:
    """Which rows lie on days that begin at or after *instant*; none if it is not known."""
    if instant is None:
        return np.zeros(len(days), bool)
    moment = datetime.fromisoformat(instant)
    later = {int(day): midnight(int(day), zone) >= moment for day in np.unique(days)}
    return np.array([later[int(day)] for day in days])


def _by_folds(job: Evaluation) -> dict[str, Any]:
    """On all rows: out-of-fold predictions of both; the champion's graph for rows that it was not trained on."""
    table = job.table
    digests = row_digests(table)
    predicted = _out_of_fold(job, job.mine, digests)
    rows = np.flatnonzero(np.isfinite(predicted))
    kept = table.take(rows)
    champion = None
    if job.theirs is not None:
        champion = _out_of_fold(job, job.theirs, digests)[rows]
        new = np.flatnonzero(~np.isfinite(champion))
        if len(new):
            champion[new] = predict(job.session(job.theirs, "model.onnx"), kept.frame.take(new))
    labels = digests[rows] % blocks.BUCKETS
    session = job.session(job.mine, "model.onnx")
    return job.result(kept, labels, lambda label: f"bucket {label}", predicted[rows], champion, session)


def _out_of_fold(job: Evaluation, model: dict[str, Any], digests: np.ndarray) -> np.ndarray:
    """A model's out-of-fold prediction of each row; NaN for rows it did not know."""
    import pyarrow.parquet as parquet

    if "oof.parquet" not in model["files"]:
        return np.full(len(digests), np.nan)
    stored = parquet.read_table(io.BytesIO(job.records.artifact(model["files"]["oof.parquet"])))
    order = np.argsort(stored["row"].to_numpy(), kind="stable")
    known = stored["row"].to_numpy()[order]
    place = np.minimum(np.searchsorted(known, digests), len(known) - 1)
    found = stored["prediction"].to_numpy()[order][place]
    return np.where(known[place] == digests, found, np.nan)
