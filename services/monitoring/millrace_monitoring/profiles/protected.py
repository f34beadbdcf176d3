"""Groups of protected attributes on one day: what each adds to each metric, so that any span of days can be compared.

Only attributes that are inputs of the model stand in the log; others are compared by each evaluation, and are named.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from millrace_contracts.fairness import FairnessDay, FairnessSpec, GroupSums
from millrace_contracts.signature import Input
from millrace_stats import groups, groupwise
from millrace_stats.tasks import Task, Value

REVIEWED = (
    "rates that need labels: of a day's labels some were drawn for people to look at, which are not all alike"
)
RARE = "{}: of days on which it had more than {} values, rows of the rare ones, which stand in {}"
BOUNDLESS = "{} of a day: a label or an answer is so large that no number holds it"
UNNAMED = "the favourable class {!r} is none of the model's"


def of_day(
    spec: FairnessSpec,
    task: Task,
    classes: Sequence[Value],
    inputs: Sequence[Input],
    columns: Mapping[str, np.ndarray],
    answers: np.ndarray,
    labels: np.ndarray,
    drawn: bool,
) -> FairnessDay:
    """Sums by attribute and group.

    Args:
        columns: features by tensor name, each (rows,).
        answers: what the champion answered, (rows,) or (rows, classes). labels: (rows,); NaN where there is none.
        drawn: whether some labels are of rows drawn for people, so that they do not speak for all rows alike.
    """
    left_out = [REVIEWED] if drawn else []
    try:
        favourable = groupwise.favourable(task, classes, spec.favourable)
    except ValueError:
        return FairnessDay(left_out=[UNNAMED.format(spec.favourable)])
    truths = np.full(len(labels), np.nan) if drawn else labels
    measures = groups.of_rows(task, truths, answers, classes, favourable)
    found: dict[str, dict[str, GroupSums]] = {}
    for attribute in spec.attributes:
        tensor = next((item for item in inputs if item.column == attribute.column), None)
        if (
            tensor is None
            or tensor.name not in columns
            or tensor.shape is not None
            or tensor.kind == "timestamp"
        ):
            left_out.append(
                f"{attribute.column}: no plain input of the model, so its groups are not in the log"
            )
            continue
        names = groups.named(_values(columns[tensor.name], tensor.kind == "boolean"), attribute.edges)
        found[attribute.column] = _sums(measures, names)
    left_out += [BOUNDLESS.format(name) for name, (top, _) in measures.items() if not np.isfinite(top.sum())]
    return FairnessDay(groups=found, left_out=left_out)


def _values(values: np.ndarray, boolean: bool) -> list[Any]:
    """Cells as the data has them: a flag is no number."""
    if not boolean:
        return list(values)
    return [None if value != value else bool(value) for value in values.tolist()]


def _sums(measures: groups.Measures, names: np.ndarray) -> dict[str, GroupSums]:
    here, parts = np.zeros(len(names), int), {}
    for name, share in groupwise.cut(measures, names, here, 1).items():
        sums = {
            metric: (float(top[0]), int(rows[0]))
            for metric, (top, rows) in share.measures.items()
            if np.isfinite(top[0])
        }
        parts[name] = GroupSums.model_validate({"rows": int(share.rows[0]), "sums": sums})
    return parts


def together(spec: FairnessSpec, days: Sequence[FairnessDay]) -> tuple[list[groupwise.GroupLine], list[str]]:
    """Every group over *days*, each of which is one block, in the order of time; and what could not be compared."""
    lines, left_out = list[groupwise.GroupLine](), list[str]()
    for attribute in spec.attributes:
        parts = _parts([day.groups.get(attribute.column, {}) for day in days])
        if not parts:
            continue
        told, why = groupwise.compare(parts, attribute.column, attribute.reference, spec.minimum_rows, True)
        lines += told
        left_out += [] if why is None else [why]
        if groups.OTHERS in parts:
            left_out.append(RARE.format(attribute.column, groups.MOST_GROUPS, groups.OTHERS))
    return lines, left_out


def _parts(days: Sequence[Mapping[str, GroupSums]]) -> dict[str, groupwise.GroupShare]:
    names = sorted({name for day in days for name in day})
    metrics = list(dict.fromkeys(metric for day in days for group in day.values() for metric in group.sums))
    nothing = GroupSums(rows=0, sums={})
    parts = {}
    for name in names:
        mine = [day.get(name, nothing) for day in days]
        measures: groups.Measures = {}
        for metric in metrics:
            pairs = np.array([day.sums.get(metric, (0.0, 0)) for day in mine], np.float64)
            measures[metric] = (pairs[:, 0], pairs[:, 1])
        parts[name] = groupwise.GroupShare(measures, np.array([day.rows for day in mine]))
    return parts
