"""A time that is a feature keeps its year: what drifts over years is learnt, and goes on behind the training rows."""

import numpy as np
import pyarrow as pa
import pytest

from millrace_contracts.signature import Signature
from millrace_stats import tasks
from millrace_training.automl import pipeline
from millrace_training.automl.aims import Aim
from millrace_training.automl.portfolio import PORTFOLIO
from millrace_training.export import parity
from millrace_training.features.columns import Column
from millrace_training.features.frame import from_arrow
from millrace_training.graph.session import open_session, predict

YEAR = 365 * 86_400
COLUMNS = [Column("ordered", "ordered", "timestamp"), Column("size", "size", "number")]
SIGNATURE = Signature(
    inputs=[column.as_input() for column in COLUMNS],
    outputs=[{"name": "prediction", "datatype": "FP32"}],
    task="regression",
)


def orders(first: float, last: float, rows: int, seed: int) -> tuple[pa.Table, np.ndarray]:
    """Rows between these years after 2015, and a price that rises by three a year whatever the season."""
    draw = np.random.default_rng(seed)
    years = draw.uniform(first, last, rows)
    seconds = 1_420_070_400 + (years * YEAR).astype(np.int64)
    size = draw.normal(size=rows)
    table = pa.table({"ordered": pa.array(seconds, pa.timestamp("s", "UTC")), "size": size})
    return table, 3 * years + size + draw.normal(0, 0.3, rows)


@pytest.mark.parametrize("place", [0, 1, 5], ids=lambda place: PORTFOLIO[place]["id"])
def test_a_trend_over_years_is_learnt_by_every_kind_of_model(place):
    table, price = orders(0, 8, 2_000, 1)
    frame = from_arrow(table, COLUMNS)
    made = pipeline.fit(PORTFOLIO[place], frame, price, Aim(tasks.of("regression")), "Europe/Berlin", 7)
    graph = made.export(SIGNATURE)
    assert parity.compare(made, graph, frame, float(price.std()), 7).bad == 0
    fresh, truth = orders(0, 8, 500, 2)
    answers = predict(open_session(graph), from_arrow(fresh, COLUMNS))
    assert 1 - (truth - answers).var() / truth.var() > 0.95


def test_a_linear_model_goes_on_with_the_trend_in_the_year_behind_training():
    table, price = orders(0, 8, 2_000, 1)
    made = pipeline.fit(
        PORTFOLIO[1], from_arrow(table, COLUMNS), price, Aim(tasks.of("regression")), "UTC", 7
    )
    fresh, truth = orders(8, 9, 500, 2)
    answers = made.predict(from_arrow(fresh, COLUMNS))
    assert abs((truth - answers).mean()) < 0.3
