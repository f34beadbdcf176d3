"""Groups of protected attributes on the rows that were judged on: how the candidate does for each."""

import numpy as np

from millrace_contracts.fairness import FairnessEvaluation, FairnessSpec, GroupEvaluation
from millrace_stats import groups, groupwise
from millrace_stats.tasks import Task
from millrace_training.automl.table import Table
from millrace_training.runtime.errors import JobError


def of_rows(
    spec: FairnessSpec, task: Task, table: Table, predicted: np.ndarray, labels: np.ndarray
) -> FairnessEvaluation:
    """Every group of every declared attribute.

    Args:
        predicted: the candidate's answers for the rows of *table*, (rows,) or (rows, classes).
        labels: block of each row, int64 (rows,).
    Raises: JobError for a favourable class that the model does not know.
    """
    try:
        selected = groupwise.favourable(task, table.classes, spec.favourable)
    except ValueError as error:
        raise JobError(
            "No such class", f"{error}.", "Correct fairness.favourable in the loop, or the data."
        ) from error
    measures = groups.of_rows(task, table.target, predicted, table.classes, selected)
    names, blocks = np.unique(labels, return_inverse=True)
    found, left_out = list[GroupEvaluation](), list[str]()
    for attribute in spec.attributes:
        values = table.groups.get(attribute.column)
        if values is None:
            left_out.append(f"{attribute.column}: the data has no such column")
            continue
        parts = groupwise.cut(measures, values, blocks, len(names))
        lines, why = groupwise.compare(
            parts, attribute.column, attribute.reference, spec.minimum_rows, table.days is not None
        )
        found += [GroupEvaluation.model_validate(line) for line in lines]
        left_out += [] if why is None else [why]
    return FairnessEvaluation(
        favourable=selected, minimum_rows=spec.minimum_rows, groups=found, left_out=left_out
    )
