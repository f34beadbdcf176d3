"""Answers of several classes: a vector a row from JSON or from bytes, kept as one column beside the numbers."""

import base64

import numpy as np
import orjson
import pyarrow as pa
import pytest

from millrace_monitoring.ingest import bodies, segments
from millrace_monitoring.ingest.bodies import Undecodable
from millrace_monitoring.ingest.intake import Intake

from .gateway import export, log_record
from .test_bodies import text

VECTORS = np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]], np.float32)
CLASSES = ["red", "green"]


def output(shape, data=None, datatype="FP32", size=None, name="probabilities"):
    made = {"name": name, "datatype": datatype, "shape": list(shape)}
    return made | ({"data": data} if size is None else {"parameters": {"binary_data_size": size}})


def chosen(rows=2):
    return {"name": "class", "datatype": "BYTES", "shape": [rows, 1], "data": CLASSES[:rows]}


def answer(*outputs, raw=b""):
    head = orjson.dumps({"outputs": list(outputs)})
    return bodies.answer(bodies.columns(head + raw, len(head) if raw else None, "outputs"))


@pytest.mark.parametrize("data", [VECTORS.tolist(), VECTORS.ravel().tolist()], ids=["nested", "flat"])
@pytest.mark.parametrize("datatype", ["FP32", "FP64", "FP16"])
def test_vectors_are_read_from_json_nested_or_flat(data, datatype):
    found = answer(output((2, 3), data, datatype), chosen())
    assert (found.dtype, found.tolist()) == (np.float32, VECTORS.tolist())


@pytest.mark.parametrize(("datatype", "dtype"), [("FP32", "<f4"), ("FP64", "<f8"), ("FP16", "<f2")])
def test_vectors_are_read_from_bytes_with_the_class_behind_them(datatype, dtype):
    raw, words = VECTORS.astype(dtype).tobytes(), text(*CLASSES)
    label = output((2, 1), datatype="BYTES", size=len(words), name="class")
    found = answer(output((2, 3), datatype=datatype, size=len(raw)), label, raw=raw + words)
    assert found.tolist() == VECTORS.tolist()


def test_a_single_row_of_many_classes_is_a_vector_too():
    many = np.linspace(0, 1, 150, dtype=np.float32)
    assert answer(output((1, 150), [many.tolist()])).shape == (1, 150)
    assert answer(output((1, 150), many.tolist())).tolist() == [many.tolist()]


def test_a_binary_answer_is_its_number_and_the_class_beside_it_is_not_kept():
    number = output((2, 1), [0.25, 0.75], name="probability")
    head = orjson.dumps({"outputs": [chosen(), number]})
    found = bodies.columns(head, None, "outputs")
    assert found.names == ("number:probability",)
    assert bodies.answer(found).tolist() == [0.25, 0.75]


WRONG = {
    "a row is short": output((2, 3), [[0.5, 0.5], [0.1, 0.1, 0.8]]),
    "rows are uneven but as many values": output((2, 3), [[0.5, 0.5], [0.1, 0.1, 0.4, 0.4]]),
    "a value is missing": output((2, 3), VECTORS.ravel().tolist()[:5]),
    "a row is missing": output((2, 3), VECTORS.tolist()[:1]),
    "values are texts": output((2, 3), [["a", "b", "c"]] * 2),
    "a row is deeper": output((2, 3), [[[0.5, 0.25, 0.25]]] * 2),
    "no class": output((2, 0), [[], []]),
    "more classes than there may be": output((1, 1001), [[0.0] * 1001]),
    "a width that is no number": output((2, "3"), VECTORS.tolist()),
}


@pytest.mark.parametrize("name", WRONG)
def test_vectors_that_are_not_what_their_shape_says_are_refused(name):
    with pytest.raises(Undecodable):
        answer(WRONG[name])


def test_a_wide_tensor_of_another_name_is_no_answer():
    with pytest.raises(Undecodable):
        answer(output((2, 3), VECTORS.tolist(), name="scores"))


def prepared(records):
    async def nowhere(batch):
        pass

    return Intake(nowhere, 1.0, 1)._prepare([export(records)])


def features(*prices):
    return {"price": np.array(prices, np.float32), "shop": np.array([f"s{p}" for p in prices], object)}


def of_classes(name, vectors, **more):
    body = orjson.dumps({"outputs": [output(vectors.shape, vectors.tolist()), chosen(len(vectors))]})
    given = features(*range(len(vectors)))
    return log_record(name, given, [0.0], response=base64.b64encode(body).decode(), **more)


def test_vectors_are_one_column_and_a_row_of_one_number_has_none():
    records = [
        of_classes("two", VECTORS),
        log_record("number", features(1), [10.0]),
        of_classes("one", VECTORS[:1, :2]),
        log_record("none", features(4), [], status="503"),
    ]
    batch = prepared(records)
    (segment,) = batch.segments
    stored = segments.load(segments.dump(segment.table))
    assert stored.schema.field("probabilities").type == pa.list_(pa.float32())
    lines = stored.select(["request_id", "index", "probabilities"]).to_pylist()
    assert sorted((line["request_id"], line["index"], line["probabilities"]) for line in lines) == [
        ("none", -1, None),
        ("number", 0, None),
        ("one", 0, VECTORS[0, :2].tolist()),
        ("two", 0, VECTORS[0].tolist()),
        ("two", 1, VECTORS[1].tolist()),
    ]
    numbers = dict(zip(stored["request_id"].to_pylist(), stored["prediction"].to_pylist(), strict=True))
    assert numbers["number"] == 10.0
    assert np.isnan(numbers["two"])
    assert numbers["none"] is None


def test_vectors_come_back_as_an_array_with_nan_where_a_row_has_none_of_this_width():
    batch = prepared(
        [of_classes("a", VECTORS), of_classes("b", VECTORS[:1, :2]), log_record("c", features(1), [1.0])]
    )
    table = batch.segments[0].table.sort_by([("request_id", "ascending"), ("index", "ascending")])
    found = segments.vectors(table, 3)
    assert found.shape == (4, 3)
    np.testing.assert_array_equal(found[:2], VECTORS)
    assert np.isnan(found[2:]).all()
    plain = prepared([log_record("c", features(1), [1.0])]).segments[0].table
    assert np.isnan(segments.vectors(plain, 3)).all()
    chunked = pa.concat_tables([table.slice(2), table.slice(1, 1), table.slice(0, 1)])
    np.testing.assert_array_equal(segments.vectors(chunked, 3)[2:], VECTORS[::-1])
    assert segments.vectors(chunked.slice(0, 0), 3).shape == (0, 3)


def test_joined_unique_and_sorted_tables_keep_their_vectors():
    parts = [prepared([of_classes("a", VECTORS)]).segments[0].table for _ in range(2)]
    numbers = prepared([log_record("c", features(1), [1.0])]).segments[0].table
    table = segments.unique(segments.joined([*parts, numbers]))
    assert table["probabilities"].to_pylist() == [*VECTORS.tolist(), None]
