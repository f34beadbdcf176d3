"""One value, one meaning: a random table gives the same tensors, bit for bit, through every entrance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.table import entrances
from tests.table.entrances import FILES, ROWS, SIGNATURE, Tensors

from millrace_stats import tasks
from millrace_table import columns
from millrace_training.automl import pipeline
from millrace_training.automl.aims import Aim
from millrace_training.automl.portfolio import PORTFOLIO
from millrace_training.features import exact
from millrace_training.features.columns import columns_from_signature
from millrace_training.features.frame import from_arrow
from millrace_training.graph.session import open_session

LABELS = st.floats(-1e30, 1e30, allow_nan=False)


@pytest.fixture(scope="module")
def session():
    """A linear model with every kind of input."""
    draw = np.random.default_rng(5)
    rows = [
        (float(size), 1_700_000_000.0 + place, f"w{place % 3}", place % 2 == 0, None)
        for place, size in enumerate(draw.normal(size=200))
    ]
    table = entrances.typed(entrances.raw(entrances.as_parquet(rows), "parquet"))
    inputs = exact.learnt(table, columns_from_signature(SIGNATURE), named=["meter"])
    frame, target = from_arrow(table, inputs), draw.normal(size=200)
    made = pipeline.fit(PORTFOLIO[1], frame, target, Aim(tasks.of("regression")), entrances.ZONE, 1)
    return open_session(made.export(SIGNATURE))


def same(session, came: dict[str, Tensors]) -> None:
    """The tensors of every entrance are those of the first, and so are the answers to them."""
    (first, expected), *others = came.items()
    answers = {name: predicted(session, feeds) for name, feeds in came.items()}
    for name, feeds in others:
        assert feeds.keys() == expected.keys()
        for tensor, values in feeds.items():
            assert values.dtype == expected[tensor].dtype, (name, tensor)
            wanted = expected[tensor]
            equal = np.array_equal(values, wanted, equal_nan=wanted.dtype.kind == "f")
            assert equal, (name, tensor, values, wanted)
        assert np.array_equal(answers[name], answers[first]), name


def predicted(session, feeds: Tensors) -> np.ndarray:
    return session.run(None, {name: values.reshape(-1, 1) for name, values in feeds.items()})[0]


def through_all(session, table: list[tuple], truth: list[float]) -> None:
    """A table through every entrance, and its labels."""
    came: dict[str, Tensors] = {}
    for format, written in FILES.items():
        data = written(table)
        raw = entrances.raw(data, format)
        came |= {
            f"training {format}": entrances.learnt(raw),
            f"push {format}": entrances.delivered(raw),
            f"score {format}": entrances.scored(raw),
            f"backtest {format}": entrances.replayed(raw),
            f"predict --rows {format}": entrances.asked(entrances.from_file(data, format)),
            f"backtest's log {format}": entrances.kept(entrances.log_of_arrow(entrances.typed(raw))),
        }
    rows = entrances.as_json(table)
    log = entrances.log(rows)
    came |= {":predict": entrances.asked(rows), ":predict, cell by cell": entrances.looked_at(rows)}
    came |= {"logged rows": entrances.kept(log)}
    came["Open Inference bytes"] = entrances.received(*entrances.as_binary(came[":predict"]))
    came["Open Inference packed"] = entrances.received(*entrances.as_packed(came[":predict"]))
    came["Open Inference JSON"] = entrances.received(entrances.as_tensors(came[":predict"]), None)
    labels = {written: entrances.stored(truth, written) for written in ("rest", "csv", "jsonl")}
    for written, truths in labels.items():
        assert [item.value for item in truths] == truth, written
    came["feedback"], target = entrances.fed_back(log, labels["rest"])
    assert target == truth
    same(session, came)


TABLES = st.data()


@settings(max_examples=3, deadline=None)
@given(TABLES)
def test_a_table_means_the_same_through_every_entrance(session, data):
    drawn(session, data)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(TABLES)
def test_many_tables_mean_the_same_through_every_entrance(session, data):
    drawn(session, data)


def drawn(session, data) -> None:
    table = data.draw(ROWS)
    through_all(session, table, data.draw(st.lists(LABELS, min_size=len(table), max_size=len(table))))


@pytest.mark.parametrize("number", [2**53 + 1, 2**60 + 1, -(2**62) - 3, 2**63 - 1])
def test_a_whole_number_beyond_15_digits_is_rounded_alike_everywhere(number):
    text = entrances.as_csv([(1.0, number, "w", True, None)])
    rows = [{"size": 1.0, "meter": number, "word": "w", "flag": True, "at": None}]
    raw = entrances.raw(text, "csv")
    typed = columns.convert(raw.column("meter"), "integer", entrances.ZONE, "meter", entrances.WRITTEN)
    assert typed.values.to_pylist() == [number]
    whole = raw.set_column(1, "meter", typed.values)
    came = [
        entrances.learnt(raw),
        entrances.asked(rows),
        entrances.kept(entrances.log(rows)),
        entrances.replayed(whole),
        entrances.kept(entrances.log_of_arrow(entrances.typed(raw).set_column(1, "meter", typed.values))),
    ]
    assert [feeds["meter"].tolist() for feeds in came] == [[float(number)]] * len(came)


@pytest.mark.parametrize(
    ("task", "classes", "alike", "refused"),
    [
        ("binary", (False, True), ["true", "TRUE", "True", "1", True, 1, 1.0], ["yes", "2", "t rue"]),
        ("binary", ("01", "1"), ["1", 1], ["001", "true"]),
        ("regression", (), ["2.5", 2.5, " 2.50 ", "25e-1"], ["2,5", "x", "inf", True]),
    ],
)
def test_labels_name_the_same_value_in_every_writing_and_nothing_else(task, classes, alike, refused):
    parse = tasks.of(task).parser(classes)
    assert len({parse(label) for label in alike}) == 1
    assert all(isinstance(parse(label), tasks.Refusal) for label in refused)
