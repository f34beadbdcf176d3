"""Lists of numbers of one shape are tensors, in every form that a file may have, and no other list is."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tests.table.entrances import rows_of

from millrace_contracts.data import ColumnContract
from millrace_contracts.signature import Input, Signature
from millrace_table import asked, cells, columns, inference, reading, tensors
from millrace_table.refusals import Unreadable

IMAGES = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
NESTED = IMAGES.tolist()
SIGNATURE = Signature(
    inputs=[Input(name="image", datatype="FP32", column="image", kind="tensor", shape=[2, 3])],
    outputs=[{"name": "prediction", "datatype": "FP32"}],
)


def loaded(format: str, values: list, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    if format == "jsonl":
        data = b"\n".join(json.dumps({"image": value}).encode() for value in values)
        return reading.load(data, format).table["image"]
    sink = io.BytesIO()
    parquet.write_table(pa.table({"image": pa.array(values, kind)}), sink)
    return reading.load(sink.getvalue(), format).table["image"]


@pytest.mark.parametrize(
    ("format", "kind"),
    [
        ("jsonl", None),
        ("parquet", pa.list_(pa.list_(pa.float64()))),
        ("parquet", pa.list_(pa.list_(pa.float32(), 3), 2)),
        ("parquet", pa.large_list(pa.list_(pa.int16()))),
    ],
)
def test_every_form_gives_the_same_column_and_contract(format, kind):
    values = [[[int(x) for x in line] for line in cell] for cell in NESTED]
    raw = loaded(format, [*values, None], kind)
    promised = inference.column(raw, "image", columns.infer(raw), "UTC", None)
    assert (promised.type, promised.shape) == ("tensor", [2, 3])
    typed = columns.convert(raw, "tensor", "UTC", "image", shape=[2, 3])
    assert typed.values.type == tensors.kind([2, 3])
    assert not typed.bad.any()
    np.testing.assert_array_equal(tensors.to_numpy(typed.values)[:4], IMAGES)
    assert np.isnan(tensors.to_numpy(typed.values)[4]).all()
    assert typed.values.null_count == 1


@pytest.mark.parametrize(
    "values", [[[1, 2], [3]], [["a", "b"], ["c", "d"]], [[[1], [2, 3]]], [[], []], [[1], [2]]]
)
def test_lists_of_other_sorts_stay_text_in_parquet(values):
    raw = loaded("parquet", values)
    assert columns.infer(raw) == "string"
    assert raw.to_pylist() == [json.dumps(value, separators=(",", ":")) for value in values]


def test_a_column_that_is_promised_to_be_text_gets_the_text_that_it_always_had():
    """Contracts from before there were tensors hold."""
    raw = loaded("parquet", [[1, 2], [3, 4]])
    assert columns.convert(raw, "string", "UTC", "x").values.to_pylist() == ["[1,2]", "[3,4]"]


def test_a_cell_of_another_shape_is_bad_and_its_shape_is_told():
    raw = cells.raw(pa.chunked_array([pa.array([NESTED[0], NESTED[1][:1], None])]))
    typed = columns.convert(raw, "tensor", "UTC", "image", shape=[2, 3])
    assert typed.bad.tolist() == [False, True, False]
    assert tensors.told(raw, typed.bad, [2, 3]) == ["row 2 has the shape [1, 3], expected [2, 3]"]


def test_json_lines_of_two_shapes_are_refused_with_both():
    with pytest.raises(Unreadable) as refused:
        loaded("jsonl", [NESTED[0], NESTED[1][:1]])
    assert (
        refused.value.check.observed == "Row 2 has the shape [1, 3], expected [2, 3] as in the rows before."
    )
    with pytest.raises(Unreadable, match="others do not"):
        loaded("jsonl", [NESTED[0], 3])


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (NESTED[0][:1], "has the shape [1, 3], expected [2, 3]"),
        ([[1, 2, 3], [4, 5]], "has the shape of lists of different lengths, expected [2, 3]"),
        ([1, 2, 3, 4, 5, 6], "has the shape [6], expected [2, 3]"),
        ([[1, 2, 3], [4, 5, "6"]], "holds what is no number"),
        ([[1, 2, 3], [4, 5, 1e39]], "holds a number that is too large"),
        (7, "is no tensor of the shape [2, 3]"),
        (json.loads("[" * 40 + "]" * 40), "has the shape [1, 1, 1, 1, 1], expected [2, 3]"),
    ],
)
def test_a_cell_of_a_request_is_told_what_is_wrong_with_it(cell, words):
    wrong = asked.value(cell, SIGNATURE.inputs[0], SIGNATURE)
    assert isinstance(wrong, asked.Wrong)
    assert wrong.words == words


def test_rows_of_a_file_become_rows_of_a_request(tmp_path):
    path = tmp_path / "asked.jsonl"
    path.write_text("\n".join(json.dumps({"image": cell}) for cell in (NESTED[0], None)))
    assert rows_of(path, SIGNATURE).rows == [{"image": NESTED[0]}, {"image": None}]
    path.write_text(json.dumps({"image": [NESTED[0][0]]}))
    with pytest.raises(Unreadable, match=r"has the shape \[1, 3\], expected \[2, 3\]"):
        rows_of(path, SIGNATURE)


@settings(max_examples=30, deadline=None)
@given(
    arrays.arrays(np.float32, st.tuples(st.integers(0, 5), st.integers(1, 3), st.integers(2, 3))), st.data()
)
def test_arrays_survive_the_way_into_arrow_slices_and_parquet_and_back(values, data):
    missing = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))), bool)
    column = tensors.from_numpy(values, values.shape[1:], missing)
    expected = np.where(np.isfinite(values), values, np.nan)
    expected[missing] = np.nan
    begin = data.draw(st.integers(0, len(values)))
    np.testing.assert_array_equal(tensors.to_numpy(column.slice(begin)), expected[begin:])
    assert column.null_count == missing.sum()


def test_a_contract_says_a_shape_for_tensors_alone():
    with pytest.raises(ValueError, match="a tensor, and nothing else, has a shape"):
        ColumnContract(name="x", type="tensor")
    with pytest.raises(ValueError, match="does not have 2 to 65536 numbers"):
        ColumnContract(name="x", type="tensor", shape=[300, 300])
    assert "shape" not in ColumnContract(name="x", type="number").model_dump()
