"""Job `validate`: can this dataset version be trained on, or does something in it forbid that?"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.counting import counted
from millrace_contracts.data import DataContract
from millrace_contracts.datasets import DatasetVersionRead
from millrace_contracts.rows import Check, DeliveryReport, ValidateResult, ValidateSpec
from millrace_stats import leaks as bars
from millrace_stats import tasks
from millrace_stats.tasks import Refusal, Task, Value
from millrace_stats.tasks.newcomers import LEAST_ROWS as LEAST_CLASS
from millrace_table import tensors
from millrace_table.inference import ROWS
from millrace_table.refusals import words
from millrace_training.rows import balance, days, leakage, newcomers, precision, privacy, proxies
from millrace_training.rows.leakage import Labels
from millrace_training.rows.newcomers import Newcomers
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context

NAMED = 5
"""So many rare classes are named."""


def run(spec: ValidateSpec, context: Context) -> ValidateResult:
    """Whether the version is accepted for training, and the report. Raises: ApiError for an unknown version."""
    records = Records(context)
    context.report("read")
    version = records.version(spec.dataset, spec.dataset_version)
    table = records.rows(version)
    context.report("screen")
    new = _newcomers(table, spec, version)
    kept = table.filter(pa.array(new.kept(table.column(spec.target)))) if new.aside else table
    report = DeliveryReport(rows=table.num_rows, checks=[*new.checks, *check(kept, spec, _trusted(version))])
    reasons = [f"{item.check}: {item.observed}" for item in report.failed]
    learnt = "".join(f" New classes are {item.observed}." for item in new.checks if item.verdict == "passed")
    notes = "".join(f" {item.observed}. {item.mend}" for item in report.noted)
    return ValidateResult(
        accepted=not reasons,
        report=report,
        reason="; ".join(reasons) or f"{kept.num_rows} rows can be trained on.{learnt}{notes}",
        failed=report.broken,
    )


def _newcomers(table: pa.Table, asked: ValidateSpec, version: DatasetVersionRead) -> Newcomers:
    """What becomes of classes that production does not know, by the rows that are learnt from."""
    needed = [name for name in (asked.target, asked.event_time) if name]
    if asked.known_classes is None or not set(needed) <= set(table.column_names):
        return newcomers.NONE
    if asked.cut is not None and asked.event_time is not None:
        table = table.filter(pa.array(days.before(table.column(asked.event_time), asked.cut)))
    return newcomers.of_rows(table, asked, version)


def check(table: pa.Table, asked: ValidateSpec, trusted: set[str]) -> list[Check]:
    """Everything that can be said about *table*; later checks are left out when earlier ones make them void."""
    lacking = [
        name
        for name in (asked.target, asked.event_time, *asked.protected)
        if name and name not in table.column_names
    ]
    if lacking:
        seen = f"there is no column {words(lacking)}"
        return [Check.failed("columns", seen, words(table.column_names, 8), "Name a column that is there.")]
    checks = [_rows(table), *_target(table.column(asked.target), asked)]
    if any(item.verdict == "failed" for item in checks):
        return checks
    checks += balance.holdout(table, asked)
    others = [asked.target, asked.event_time, *asked.exclude, *asked.protected]
    private = privacy.check(table, others, asked.keep_personal)
    unused = {*others, *privacy.left_out(private, asked.keep_personal)}
    names = [name for name in table.column_names if name not in unused]
    if not names:
        seen = "no column is left"
        return [*checks, *private, Check.failed("features", seen, "at least one", "Exclude fewer columns.")]
    plain = [name for name in names if tensors.shape_of(table.schema.field(name).type) is None]
    leaks = _leaks(table, asked, [name for name in plain if name not in trusted])
    named = [*proxies.check(table, plain, asked.protected), *precision.check(table, plain)]
    return [*checks, *private, *leaks, *named]


def _leaks(table: pa.Table, asked: ValidateSpec, names: list[str]) -> list[Check]:
    labels = _labels(table.column(asked.target), tasks.of(asked.task))
    times = table.column(asked.event_time) if asked.event_time else None
    told = leakage.screen(table.select(names), labels, times)
    lines = [_leak(item) if item.sure else _strong(item) for item in told]
    return lines if any(item.sure for item in told) or not names else [*lines, _no_leak(len(names))]


def _trusted(version: DatasetVersionRead) -> set[str]:
    if not version.contract:
        return set()
    contract = DataContract.model_validate(version.contract)
    return {column.name for column in contract.columns if column.trusted}


def _labels(target: pa.ChunkedArray, task: Task) -> Labels:
    if not task.classifies:
        return Labels(np.asarray(target.cast(pa.float64())), 0)
    values = target.to_pylist()
    classes = task.classes(set(values))
    assert not isinstance(classes, Refusal), "checked before"
    return Labels(task.encode(values, classes), len(classes))


def _rows(table: pa.Table) -> Check:
    if table.num_rows < ROWS:
        mend = "Collect more rows; fewer cannot be split into training and test."
        return Check.failed("volume", counted(table.num_rows, "row"), f"at least {ROWS}", mend)
    return Check.passed("volume", f"{table.num_rows} rows", f"at least {ROWS}")


def _target(values: pa.ChunkedArray, asked: ValidateSpec) -> list[Check]:
    missing = values.null_count
    if missing:
        seen, mend = counted(missing, "row lacks the target", "rows lack the target"), "Remove these rows."
        return [
            Check.failed("target", seen, "a target in every row", mend, column=asked.target, rows=missing)
        ]
    counts = {item["values"]: item["counts"] for item in pc.value_counts(values.combine_chunks()).to_pylist()}
    if len(counts) < 2:
        seen = f"every row has {next(iter(counts))!r}" if counts else "there are no rows"
        mend = "There is nothing to predict; is this the right column?"
        return [Check.failed("classes", seen, "at least two values", mend, column=asked.target)]
    task = tasks.of(asked.task)
    return (
        _classes(values.type, counts, asked.target, task)
        if task.classifies
        else [_is_number(values, asked.target)]
    )


def _is_number(values: pa.ChunkedArray, name: str) -> Check:
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return Check.passed("target", "numbers", "numbers", column=name)
    mend = "Choose task: binary or multiclass, or a target with numbers."
    return Check.failed("target", f"values of type {values.type}", "numbers", mend, column=name)


def _classes(type: pa.DataType, counts: dict[Value, int], name: str, task: Task) -> list[Check]:
    """Whether the values are as many classes as the task has, and each has rows enough."""
    if pa.types.is_timestamp(type):
        mend = "Choose a target whose values name classes."
        return [
            Check.failed(
                "target", f"values of type {type}", "texts, numbers or truth values", mend, column=name
            )
        ]
    least, most = task.least_classes, task.most_classes
    if not least <= len(counts) <= most:
        allowed = "two values" if least == most == 2 else f"{least} to {most:,} values"
        return [
            Check.failed(
                "classes", f"{len(counts):,} values", allowed, _other_task(len(counts), type), column=name
            )
        ]
    rare = {value: rows for value, rows in counts.items() if rows < LEAST_CLASS}
    if len(counts) - len(rare) < 2:
        return [_too_few(rare, len(counts), name)]
    smallest, rows = min(counts.items(), key=lambda item: (item[1], tasks.class_text(item[0])))
    seen = f"{counted(rows, 'row')} of {tasks.class_text(smallest)!r}, the fewest of {len(counts)} classes"
    enough = Check.passed("classes", seen, f"at least two classes with {LEAST_CLASS} rows", column=name)
    seldom = [_rare(rare, len(counts), name)] if rare else []
    return [enough, *seldom, *balance.imbalance(counts, name)]


def _other_task(classes: int, type: pa.DataType) -> str:
    """What to do with a target that has too few or too many values for its task."""
    if classes == 2:
        return "Choose task: binary."
    if classes <= tasks.of("multiclass").most_classes:
        other = ", or task: regression" if pa.types.is_integer(type) or pa.types.is_floating(type) else ""
        return f"Choose task: multiclass{other}, or a target with two values."
    return (
        "Put rare values together under one name before you deliver the rows; if the values are amounts, "
        "choose task: regression."
    )


def _too_few(rare: dict[Value, int], classes: int, name: str) -> Check:
    seen = f"{_told(rare)}" if classes == 2 else f"{len(rare)} of {classes} classes are rare: {_told(rare)}"
    mend = (
        "Collect more rows of the rarer class."
        if classes == 2
        else "Collect more rows, or put classes together."
    )
    allowed = f"at least {LEAST_CLASS} rows in each of two classes"
    return Check.failed("classes", seen, allowed, mend, column=name, rows=sum(rare.values()))


def _rare(rare: dict[Value, int], classes: int, name: str) -> Check:
    """Rare classes keep nothing from being trained; who reads the report should know what becomes of them."""
    return Check.noted(
        "rare classes",
        f"{len(rare)} of {classes} classes have fewer than {LEAST_CLASS} rows: {_told(rare)}",
        f"{LEAST_CLASS} rows of each class to learn it and to judge it",
        "They stay among the classes that are answered, but are hardly learnt, and a gate cannot judge them. "
        "Collect more rows of them, or put them together under one name.",
        column=name,
        rows=sum(rare.values()),
    )


def _told(rare: dict[Value, int]) -> str:
    """Classes with their rows, rarest first."""
    ordered = sorted(rare.items(), key=lambda item: (item[1], tasks.class_text(item[0])))
    named = [f"{counted(rows, 'row')} of {tasks.class_text(value)!r}" for value, rows in ordered[:NAMED]]
    more = f" and {len(rare) - NAMED} more" if len(rare) > NAMED else ""
    return ", ".join(named) + more


def _leak(leak: leakage.Leak) -> Check:
    return Check.failed(
        "leakage",
        f"'{leak.column}' gives the target away: {_what(leak)} alone predicts it almost perfectly ({leak.score})",
        f"R2 at most {bars.MOST_R2}, AUC at most {bars.MOST_AUC}, at most {bars.MOST_EXACT:.1%} told exactly",
        "Exclude the column; or, if it is known when a prediction is asked for, set `trusted: true` in the "
        "contract.",
        column=leak.column,
    )


def _what(leak: leakage.Leak) -> str:
    return {"null pattern": "whether it has a value", "row number": "its place in the table"}.get(
        leak.how, "it"
    )


def _strong(leak: leakage.Leak) -> Check:
    """What tells very much of the target, and may be honest all the same."""
    seen = f"'{leak.column}': {_what(leak)} alone tells very much of the target ({leak.score})"
    if leak.how == "afterwards":
        seen = f"'{leak.column}' may be known afterwards only: {leak.score}"
    return Check.noted(
        "strong feature",
        seen,
        "what is known when a prediction is asked for",
        "Exclude it if it is known afterwards only; if it is known before, set `trusted: true` in the contract.",
        column=leak.column,
    )


def _no_leak(features: int) -> Check:
    return Check.passed("leakage", f"none of {features} features gives the target away", "no such feature")
