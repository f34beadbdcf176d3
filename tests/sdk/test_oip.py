"""The binary form of the Open Inference Protocol carries every value there and back."""

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.oip import HEADER_LENGTH, columns_from_rows, decode, encode, pack
from millrace_contracts.signature import Signature


def answer(columns):
    """An answer with the tensors of a request, as a server that echoes would send it."""
    body, headers = encode(columns)
    length = int(headers[HEADER_LENGTH])
    header = orjson.loads(body[:length])
    head = orjson.dumps({"outputs": header["inputs"]})
    return head + body[length:], len(head)


@given(
    st.lists(st.floats(width=32), max_size=20),
    st.lists(st.text(), max_size=20),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20),
)
def test_numbers_strings_and_integers_come_back_as_they_went(numbers, strings, integers):
    columns = {
        "x": ("FP32", np.array(numbers, np.float32)),
        "s": ("BYTES", np.array(strings, object)),
        "t": ("INT64", np.array(integers, np.int64)),
    }
    decoded = decode(*answer(columns))
    np.testing.assert_array_equal(decoded["x"], np.array(numbers, np.float32))
    assert list(decoded["s"]) == strings
    assert list(decoded["t"]) == integers


def test_a_body_with_bytes_left_over_is_refused():
    body, length = answer({"x": ("FP32", np.ones(2, np.float32))})
    with pytest.raises(ValueError, match="bytes"):
        decode(body + b"more", length)


def test_missing_values_travel_as_nan_empty_text_and_the_smallest_integer():
    signature = Signature(
        inputs=[
            {"name": "a", "column": "a", "datatype": "FP32", "kind": "number"},
            {"name": "b", "column": "b", "datatype": "BYTES", "kind": "category"},
            {"name": "c", "column": "c", "datatype": "INT64", "kind": "timestamp"},
        ],
        outputs=[{"name": "prediction", "datatype": "FP32"}],
    )
    rows = {"a": [1, None], "b": ["x", None], "c": np.array(["2013-01-01", "NaT"], "datetime64[s]")}
    made = columns_from_rows(rows, signature)
    assert made["a"][1][0] == 1
    assert np.isnan(made["a"][1][1])
    assert list(made["b"][1]) == ["x", ""]
    assert list(made["c"][1]) == [1356998400, np.iinfo(np.int64).min]


def test_packed_columns_lie_row_by_row_and_are_named_in_their_order():
    columns = {
        "a": ("FP32", np.float32([1, 2])),
        "s": ("BYTES", np.array(["x", "é"], object)),
        "b": ("FP32", np.float32([3, 4])),
    }
    body, headers = pack(columns, "id-1")
    length = int(headers[HEADER_LENGTH])
    head = orjson.loads(body[:length])
    assert [(item["name"], item["shape"]) for item in head["inputs"]] == [
        ("packed.FP32", [2, 2]),
        ("packed.BYTES", [2, 1]),
    ]
    assert head["parameters"]["packed.FP32"] == '["a","b"]'
    assert head["id"] == "id-1"
    assert np.frombuffer(body[length : length + 16], "<f4").tolist() == [1, 3, 2, 4]


def test_a_datatype_that_is_not_known_cannot_be_packed():
    with pytest.raises(ValueError, match="FP16"):
        pack({"x": ("FP16", np.zeros(1, np.float16))})
