"""How the candidate's answers lie beside the truth, as the few numbers that a page draws."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from millrace_contracts.fits import CalibrationCurve, CalibrationPoint, ErrorSpan, FitEvaluation
from millrace_stats.tasks.pictures import Calibration, Points
from millrace_stats.tasks.task import Task

SPANS = 10
Floats = npt.NDArray[np.float64]


def of_rows(
    task: Task, target: Floats, predicted: Floats, classes: Sequence[bool | int | float | str]
) -> FitEvaluation:
    """Calibration of a task with classes, errors by tenths of the answers of one without.

    Args:
        target: (rows,). predicted: (rows,) or (rows, classes).
    """
    drawn = task.pictures(target, predicted, classes)
    curves = [_curve(item) for item in drawn if isinstance(item, Calibration)]
    numbers = any(isinstance(item, Points) for item in drawn)
    return FitEvaluation(calibration=curves, errors=errors(target, predicted) if numbers else [])


def errors(target: Floats, predicted: Floats) -> list[ErrorSpan]:
    """Quantiles of the errors, by tenths of the answers; rows without either are left out."""
    known = np.isfinite(target) & np.isfinite(predicted)
    answers = np.asarray(predicted[known], np.float64)
    missed = answers - target[known]
    order = np.argsort(answers, kind="stable")
    return [_span(answers[rows], missed[rows]) for rows in np.array_split(order, SPANS) if len(rows)]


def _span(answers: Floats, missed: Floats) -> ErrorSpan:
    p10, p50, p90 = (float(value) for value in np.quantile(missed, (0.1, 0.5, 0.9)))
    return ErrorSpan(
        rows=len(answers), lowest=float(answers[0]), highest=float(answers[-1]), p10=p10, p50=p50, p90=p90
    )


def _curve(item: Calibration) -> CalibrationCurve:
    points = [
        CalibrationPoint(predicted=float(x), observed=float(y))
        for x, y in zip(item.predicted, item.observed, strict=True)
    ]
    return CalibrationCurve(title=item.title, what=item.what, points=points)
