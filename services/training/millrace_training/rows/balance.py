"""Classes that are out of balance: one that nearly all rows have, and a holdout that cannot judge."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.rows import Check, ValidateSpec
from millrace_stats import tasks
from millrace_stats.tasks import Value
from millrace_training.rows import days as rows_days

COMMON = 0.9
"""Share of rows of one class from which the others are told to be rare."""


def imbalance(counts: Mapping[Value, int], name: str) -> list[Check]:
    """A note if nearly all rows are of one class."""
    rows = sum(counts.values())
    common, most = max(counts.items(), key=lambda item: (item[1], tasks.class_text(item[0])))
    if most < COMMON * rows:
        return []
    share = f"{most / rows:.1%}"
    seen = f"{share} of the rows are {tasks.class_text(common)!r}: who always says that is right {share} of the time"
    mend = (
        "Judge models by log loss or AUC, not by accuracy (gates.absolute, like {metric: auc, atLeast: 0.7}); use the "
        "probabilities, not the answered class; collect more rows of the rarer classes."
    )
    return [
        Check.noted(
            "imbalance", seen, f"less than {COMMON:.0%} of one class", mend, column=name, rows=rows - most
        )
    ]


def holdout(table: pa.Table, asked: ValidateSpec) -> list[Check]:
    """A refusal if the days that judge a model, or those before, have one target value only; else nothing.

    A metric of rows of one class says nothing: an AUC is not defined there, and who always says that class is perfect.
    """
    if asked.event_time is None or asked.holdout_days is None:
        return []
    times, target = table.column(asked.event_time), table.column(asked.target)
    days = rows_days.numbers(times, asked.timezone)
    used = days >= 0 if asked.cut is None else (days >= 0) & rows_days.before(times, asked.cut)
    if not used.any():
        return []
    last = used & (days > days[used].max() - asked.holdout_days)
    span = f"the last {asked.holdout_days} days"
    for rows, where, mend in (
        (last, span, "Lengthen training.holdout"),
        (used & ~last, f"the rows before {span}", "Shorten training.holdout"),
    ):
        values = pc.unique(target.filter(pa.array(rows))).to_pylist()
        if len(values) == 1:
            return [_refused(asked, where, values[0], int(rows.sum()), mend)]
    return []


def _refused(asked: ValidateSpec, where: str, value: Value, rows: int, mend: str) -> Check:
    only = tasks.class_text(value) if tasks.of(asked.task).classifies else f"{value:g}"
    seen = f"{where} have {rows} row{'s' * (rows != 1)}, all with the target {only!r}: no model can be judged by them"
    remedy = f"{mend}, so that both parts have rows of more than one value; or add data."
    return Check.failed(
        "holdout", seen, "at least two different target values", remedy, column=asked.target, rows=rows
    )
