"""Two classes where the training rows have one: a quiet month of a rare event costs no run and tells nothing wrong."""

import numpy as np
import pytest

from millrace_contracts.signature import Signature
from millrace_stats import tasks
from millrace_training.automl import pipeline
from millrace_training.automl.aims import Aim
from millrace_training.automl.estimators import STYLES
from millrace_training.automl.portfolio import NETS, PORTFOLIO
from millrace_training.export import parity
from millrace_training.features.columns import columns_of
from millrace_training.features.frame import from_rows
from millrace_training.graph.session import answers, open_session

CLASSES = ("no", "yes")
COLUMNS = columns_of([{"name": "amount", "type": "number"}, {"name": "shop", "type": "string"}], [])
SIGNATURE = Signature.model_validate(
    {
        "inputs": [column.as_input() for column in COLUMNS],
        "outputs": [{"name": "probability", "datatype": "FP32"}, {"name": "class", "datatype": "BYTES"}],
        "task": "binary",
        "classes": CLASSES,
    }
)


@pytest.mark.parametrize("family", STYLES)
@pytest.mark.parametrize("place", [0, 1])
def test_the_only_class_of_the_training_rows_is_answered(family, place):
    item = next(one for one in [*PORTFOLIO, *NETS] if one["family"] == family)
    rows = [{"amount": None if number % 9 == 0 else number, "shop": "ab"[number % 2]} for number in range(60)]
    frame = from_rows(rows, COLUMNS)
    fitted = pipeline.fit(item, frame, np.full(60, float(place)), Aim(tasks.of("binary"), CLASSES), "UTC", 3)
    graph = fitted.export(SIGNATURE)
    assert parity.compare(fitted, graph, frame, 1.0, 1).bad == 0
    answered = answers(open_session(graph), frame)
    assert set(answered["class"]) == {CLASSES[place]}
    assert answered["probability"] == pytest.approx(np.full(60, place), abs=1e-5)
