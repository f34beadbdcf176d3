"""What a page draws of a fit: calibration by tenths of a probability, errors by tenths of the answers."""

import numpy as np
import pytest

from millrace_stats import tasks
from millrace_training.evaluate import fit


def test_a_calibrated_model_lies_on_the_diagonal_and_an_overconfident_one_does_not():
    draw = np.random.default_rng(1)
    chance = draw.uniform(size=20_000)
    truth = (draw.uniform(size=20_000) < chance).astype(float)
    (curve,) = fit.of_rows(tasks.of("binary"), truth, chance, ["no", "yes"]).calibration
    assert len(curve.points) == 10
    assert max(abs(point.predicted - point.observed) for point in curve.points) < 0.04
    sure = np.clip((chance - 0.5) * 3 + 0.5, 0.01, 0.99)
    (curve,) = fit.of_rows(tasks.of("binary"), truth, sure, ["no", "yes"]).calibration
    assert max(abs(point.predicted - point.observed) for point in curve.points) > 0.1


def test_errors_of_a_regression_are_told_by_tenths_of_its_answers():
    draw = np.random.default_rng(2)
    answers = draw.uniform(0, 100, 5_000)
    truth = answers - np.where(answers > 90, 5.0, 0.0) + draw.normal(0, 1 + answers / 50)
    truth[:7] = np.nan
    spans = fit.of_rows(tasks.of("regression"), truth, answers, []).errors
    assert [span.rows for span in spans] == pytest.approx([499] * 10, abs=1)
    assert sum(span.rows for span in spans) == 4_993
    assert spans == sorted(spans, key=lambda span: span.lowest)
    assert spans[-1].p50 == pytest.approx(5, abs=0.5)
    assert abs(spans[0].p50) < 0.3
    assert spans[-1].p90 - spans[-1].p10 > spans[0].p90 - spans[0].p10


@pytest.mark.parametrize("rows", [1, 3])
def test_of_a_few_rows_as_much_is_told_as_there_is(rows):
    values = np.arange(rows, dtype=float)
    spans = fit.errors(values, values + 1)
    assert [(span.rows, span.p50) for span in spans] == [(1, 1.0)] * rows
