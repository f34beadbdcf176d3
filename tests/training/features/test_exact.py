"""Numbers whose differences float32 loses enter the graph in 64 bits, less a centre, and no other number does."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.features.test_blocks import same

from millrace_contracts.signature import Signature
from millrace_stats import tasks
from millrace_training.automl import pipeline
from millrace_training.automl.aims import Aim
from millrace_training.automl.portfolio import PORTFOLIO
from millrace_training.export import parity
from millrace_training.features import blocks, exact, frame
from millrace_training.features.columns import Column, columns_from_signature
from millrace_training.graph.session import open_session, predict

ROWS = 1_200
KINDS = {
    "epoch": (1_700_000_000, 86_400),
    "serial": (9_007_199_254_000_000, 1_000),
    "price": (1e9, 10.0),
    "millimetres": (5_800_000_000, 3_000),
}


def rows(kind: str) -> tuple[pa.Table, np.ndarray]:
    """A column of that kind, another one beside it, and what hangs on its last digits."""
    draw = np.random.default_rng(3)
    far, wide = KINDS[kind]
    cents = np.round(draw.uniform(0, wide, ROWS), 2)
    near = cents if isinstance(far, float) else draw.integers(0, wide, ROWS)
    target = np.abs(near / wide - 0.5) * 20 + draw.normal(0, 0.2, ROWS)
    cells = pa.array(far + near, mask=draw.random(ROWS) < 0.02)
    return pa.table({kind: cells, "size": draw.normal(size=ROWS)}), target


@pytest.mark.parametrize("kind", KINDS)
def test_the_signal_in_the_last_digits_is_learnt_and_the_graph_answers_alike(kind):
    table, target = rows(kind)
    columns = exact.learnt(table, [Column(kind, kind, "number"), Column("size", "size", "number")])
    assert [(column.datatype, column.centre != 0) for column in columns] == [("FP64", True), ("FP32", False)]
    train = frame.from_arrow(table, columns)
    made = pipeline.fit(PORTFOLIO[0], train, target, Aim(tasks.of("regression")), "UTC", 7)
    signature = Signature(
        inputs=[column.as_input() for column in columns],
        outputs=[{"name": "prediction", "datatype": "FP32"}],
        task="regression",
    )
    graph = made.export(signature)
    assert parity.compare(made, graph, train, float(target.std()), 7).bad == 0
    anew = frame.from_arrow(table, columns_from_signature(signature))
    left = target - predict(open_session(graph), anew)
    assert 1 - left.var() / target.var() > 0.9


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(width=64) | st.just(float("nan")), min_size=1, max_size=20), st.integers(0, 2**53))
def test_any_number_less_its_centre_is_the_same_in_the_graph(cells, centre):
    column = Column("a", "a", "number", exact=True, centre=float(centre))
    told = frame.from_rows([{"a": cell} for cell in cells], [column])
    for block in (blocks.Numbers([column]), blocks.Missing([column])):
        same(block, told)


def test_a_refit_keeps_the_tensors_of_its_search_and_learns_the_centre_anew():
    table = pa.table({"a": [1e9 + number for number in range(100)], "b": range(100)})
    columns = [Column(name, name, "number") for name in "ab"]
    assert [column.exact for column in exact.learnt(table, columns, named=[])] == [False, False]
    kept = exact.learnt(table, columns, named=["b"])
    assert [(column.exact, column.centre) for column in kept] == [(False, 0.0), (True, 49.0)]


def test_an_older_graph_is_asked_in_the_bits_that_it_knows():
    column = Column("a", "a", "number", exact=True, centre=0.0)
    told = frame.from_rows([{"a": 1e9 + 1}, {"a": None}], [column])
    older = told.kept_as([Column("a", "a", "number")])
    assert older.values["a"].dtype == np.float32
    assert told.kept_as([column]).values["a"].tolist()[0] == 1e9 + 1
