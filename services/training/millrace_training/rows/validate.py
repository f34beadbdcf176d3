"""Job `validate`: can this dataset version be trained on, or does something in it forbid that?"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.contract import DataContract
from millrace.data.inference import ROWS
from millrace.data.refusals import words
from millrace_contracts.datasets import DatasetVersionRead
from millrace_contracts.rows import Check, DeliveryReport, ValidateResult, ValidateSpec
from millrace_training.rows import leakage
from millrace_training.rows.leakage import Floats
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context

LEAST_CLASS = 10
"""Rows of the rarer class below which it can be neither learnt nor tested."""


def run(spec: ValidateSpec, context: Context) -> ValidateResult:
    """Whether the version is accepted for training, and the report. Raises: ApiError for an unknown version."""
    records = Records(context)
    context.report("read")
    version = records.version(spec.dataset, spec.dataset_version)
    table = records.rows(version)
    context.report("screen")
    report = DeliveryReport(rows=table.num_rows, checks=check(table, spec, _trusted(version)))
    reasons = [f"{item.check}: {item.observed}" for item in report.failed]
    return ValidateResult(
        accepted=not reasons,
        report=report,
        reason="; ".join(reasons) or f"{table.num_rows} rows can be trained on.",
        failed=report.broken,
    )


def check(table: pa.Table, asked: ValidateSpec, trusted: set[str]) -> list[Check]:
    """Everything that can be said about *table*; later checks are left out when earlier ones make them void."""
    lacking = [name for name in (asked.target, asked.event_time) if name and name not in table.column_names]
    if lacking:
        seen = f"there is no column {words(lacking)}"
        return [_failed("columns", None, seen, words(table.column_names, 8), "Name a column that is there.")]
    found = [_rows(table), *_target(table.column(asked.target), asked)]
    if any(item.verdict == "failed" for item in found):
        return found
    names = [
        name for name in table.column_names if name not in {asked.target, asked.event_time, *asked.exclude}
    ]
    if not names:
        return [
            *found,
            _failed("features", None, "no column is left", "at least one", "Exclude fewer columns."),
        ]
    features = table.select([name for name in names if name not in trusted])
    leaks = leakage.screen(features, _numbers(table.column(asked.target), asked.task), asked.task)
    return [*found, *(_leak(item) for item in leaks)] if leaks else [*found, _no_leak(len(names))]


def _trusted(version: DatasetVersionRead) -> set[str]:
    if not version.contract:
        return set()
    contract = DataContract.model_validate(version.contract)
    return {column.name for column in contract.columns if column.trusted}


def _numbers(target: pa.ChunkedArray, task: str) -> Floats:
    if task == "binary":
        second = sorted(pc.unique(target).to_pylist())[1]
        return np.asarray(pc.equal(target, pa.scalar(second, target.type)).cast(pa.float64()))
    return np.asarray(target.cast(pa.float64()))


def _rows(table: pa.Table) -> Check:
    if table.num_rows < ROWS:
        mend = "Collect more rows; fewer cannot be split into training and test."
        return _failed("volume", None, f"{table.num_rows} rows", f"at least {ROWS}", mend)
    return _passed("volume", None, f"{table.num_rows} rows", f"at least {ROWS}")


def _target(values: pa.ChunkedArray, asked: ValidateSpec) -> list[Check]:
    missing = values.null_count
    if missing:
        seen, mend = f"{missing} rows lack the target", "Remove these rows."
        return [_failed("target", asked.target, seen, "a target in every row", mend, missing)]
    classes = pc.value_counts(values.combine_chunks()).to_pylist()
    if len(classes) < 2:
        seen = f"every row has {classes[0]['values']!r}" if classes else "there are no rows"
        mend = "There is nothing to predict; is this the right column?"
        return [_failed("classes", asked.target, seen, "at least two values", mend)]
    return [
        _two_classes(classes, asked.target) if asked.task == "binary" else _is_number(values, asked.target)
    ]


def _is_number(values: pa.ChunkedArray, name: str) -> Check:
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return _passed("target", name, "numbers", "numbers")
    mend = "Choose task: binary, or a target with numbers."
    return _failed("target", name, f"values of type {values.type}", "numbers", mend)


def _two_classes(classes: list[dict[str, Any]], name: str) -> Check:
    counts = {str(item["values"]): item["counts"] for item in classes}
    if len(counts) > 2:
        seen, mend = f"{len(counts)} values", "Choose task: regression, or a target with two values."
        return _failed("classes", name, seen, "two values", mend)
    rarer, rows = min(counts.items(), key=lambda item: item[1])
    seen, allowed = f"{rows} rows of {rarer!r}", f"at least {LEAST_CLASS} rows of each class"
    if rows < LEAST_CLASS:
        return _failed("classes", name, seen, allowed, "Collect more rows of the rarer class.", rows)
    return _passed("classes", name, seen, allowed)


def _leak(leak: leakage.Leak) -> Check:
    what = "whether it has a value" if leak.how == "null pattern" else "it"
    return _failed(
        "leakage",
        leak.column,
        f"'{leak.column}' gives the target away: {what} alone predicts it almost perfectly ({leak.score})",
        f"R2 at most {leakage.MOST_R2}, AUC at most {leakage.MOST_AUC}",
        "Exclude the column; or, if it is known when a prediction is asked for, set `trusted: true` in the "
        "contract.",
    )


def _no_leak(features: int) -> Check:
    return _passed("leakage", None, f"none of {features} features gives the target away", "no such feature")


def _passed(check: str, column: str | None, observed: str, allowed: str) -> Check:
    return Check(
        check=check,
        column=column,
        verdict="passed",
        observed=observed,
        allowed=allowed,
        rows=0,
        examples=[],
        mend="",
    )


def _failed(check: str, column: str | None, observed: str, allowed: str, mend: str, rows: int = 0) -> Check:
    return Check(
        check=check,
        column=column,
        verdict="failed",
        observed=observed,
        allowed=allowed,
        rows=rows,
        examples=[],
        mend=mend,
    )
