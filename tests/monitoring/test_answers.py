"""Answers of rows that come over REST: numbers stay numbers, probabilities are read by place or by class."""

import math

import pyarrow as pa
import pytest

from millrace_contracts.logged import LoggedRow
from millrace_contracts.monitors import MonitorWrite
from millrace_core.errors import BadInput
from millrace_monitoring.ingest import arrow, backfill

from .sales import SIGNATURE, START, monitor

COLOURS = ["blue", "green", "red"]
FILES = {"model.onnx": "sha256:" + "0" * 64}


def spec(task="multiclass", classes=COLOURS):
    output = {"name": "probabilities", "datatype": "FP32", "width": len(classes)}
    signature = SIGNATURE | {"outputs": [output], "task": task, "classes": classes}
    return MonitorWrite.model_validate(
        monitor({"version": 1, "files": FILES}, task=task, signature=signature)
    )


NUMBER = MonitorWrite.model_validate(monitor({"version": 1, "files": FILES}))


def row(prediction, index=0):
    body = {"request_id": "q", "index": index, "event_time": START.isoformat(), "features": {}}
    return LoggedRow.model_validate(body | {"prediction": prediction})


def kept(*predictions, of):
    rows = [row(prediction, place) for place, prediction in enumerate(predictions)]
    return backfill.of_rows("default", "sales", rows, of).table


def stream(values, kind):
    table = pa.table(
        {
            "request_id": ["q"] * len(values),
            "index": pa.array(range(len(values)), pa.int32()),
            "event_time": pa.array([START] * len(values), pa.timestamp("us", tz="UTC")),
            "probabilities": pa.array(values, kind),
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def test_probabilities_come_as_a_list_or_by_class_and_null_is_scored_later():
    table = kept([0.25, 0.25, 0.5], {"red": 0.75, "blue": 0.25}, None, of=spec())
    assert table["probabilities"].to_pylist() == [[0.25, 0.25, 0.5], [0.25, 0.0, 0.75], None]
    numbers = table["prediction"].to_pylist()
    assert [number is None or math.isnan(number) for number in numbers] == [True] * 3
    assert [number is None for number in numbers] == [False, False, True]


def test_classes_are_named_as_labels_are():
    table = kept({"1": 0.5, "2.0": 0.5}, of=spec(classes=[1, 2, 3]))
    assert table["probabilities"].to_pylist() == [[0.5, 0.5, 0.0]]


WRONG = [
    (0.5, "has not one probability for each of the 3 classes"),
    ([0.5, 0.5], "has not one probability for each of the 3 classes"),
    ([1.5, -0.5, 0.0], "has a probability that is not between 0 and 1"),
    ([0.5, 0.5, 0.5], "has probabilities that are 1.5 together, not 1"),
    ({"red": 0.4}, "has probabilities that are 0.4 together, not 1"),
    ({"pink": 1.0}, "names 'pink', which is none of the classes blue, green, red"),
]


@pytest.mark.parametrize(("value", "words"), WRONG)
def test_what_is_no_probability_of_each_class_is_refused_by_its_place(value, words):
    with pytest.raises(BadInput) as refused:
        kept([0.0, 0.0, 1.0], value, of=spec())
    (error,) = refused.value.errors
    assert (error.where, error.what) == ("rows[1].prediction", words)


@pytest.mark.parametrize("value", [[0.5, 0.5], {"yes": 1.0}])
def test_one_number_is_expected_of_a_regression(value):
    with pytest.raises(BadInput) as refused:
        kept(value, of=NUMBER)
    assert refused.value.errors[0].what == "is no number"


def test_one_number_is_kept_without_a_vector():
    table = kept(1.5, None, of=NUMBER)
    assert table["prediction"].to_pylist() == [1.5, None]
    assert "probabilities" not in table.column_names


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float64()), pa.list_(pa.float32(), 3), pa.large_list(pa.float32())]
)
def test_a_stream_has_a_column_of_lists(kind):
    body = stream([[0.25, 0.25, 0.5], None, [1.0, 0.0, 0.0]], kind)
    table = arrow.of_stream("default", "sales", body, spec()).table
    assert table["probabilities"].to_pylist() == [[0.25, 0.25, 0.5], None, [1.0, 0.0, 0.0]]
    assert [number is None for number in table["prediction"].to_pylist()] == [False, True, False]


@pytest.mark.parametrize(
    "values",
    [[[0.5, 0.5]], [[0.5, 0.25, 0.25], [1.0]], [[0.5, 0.5, 0.5]], [[2.0, -1.0, 0.0]], [[float("nan")] * 3]],
)
def test_a_stream_with_other_lists_is_refused(values):
    with pytest.raises(BadInput) as refused:
        arrow.of_stream("default", "sales", stream(values, pa.list_(pa.float64())), spec())
    assert refused.value.errors[0].where == "probabilities"


def test_a_regression_knows_no_column_of_probabilities():
    with pytest.raises(BadInput, match="unknown"):
        arrow.of_stream("default", "sales", stream([[1.0]], pa.list_(pa.float64())), NUMBER)
