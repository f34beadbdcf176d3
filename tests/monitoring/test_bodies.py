"""Bodies as strangers write them: what is kept of each tensor, and that a remembered head changes nothing of it."""

import struct

import numpy as np
import orjson
import pytest

from millrace.oip import HEADER_LENGTH, encode, pack
from millrace_monitoring.ingest import bodies, layouts, tensors
from millrace_monitoring.ingest.bodies import Undecodable

NUMBERS = [name for name in tensors.DTYPES if name != "BOOL"]
ROWS = (0, 1, 3)


def head(*inputs, side="inputs", **more):
    return orjson.dumps(more | {side: list(inputs)})


def tensor(name, datatype, rows, data=None, size=None):
    made = {"name": name, "datatype": datatype, "shape": [rows, 1]}
    return made | ({"data": data} if size is None else {"parameters": {"binary_data_size": size}})


def text(*values):
    return b"".join(struct.pack("<I", len(value.encode())) + value.encode() for value in values)


def kept(found):
    """Columns as arrays or lists by name."""
    return {
        name: values if isinstance(values, list) else tensors.numbers(name.partition(":")[0], values).tolist()
        for name, values in zip(found.names, found.values, strict=True)
    }


def binary(*parts, side="inputs", **more):
    """A body of (name, datatype, rows, bytes)."""
    front = head(*(tensor(*part[:3], size=len(part[3])) for part in parts), side=side, **more)
    return front + b"".join(part[3] for part in parts), len(front)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("datatype", NUMBERS)
def test_a_number_is_kept_alike_from_json_and_from_bytes(datatype, rows):
    values = np.arange(1, rows + 1).astype(tensors.DTYPES[datatype])
    kind = {"INT64": "integer", "UINT64": "integer", "FP64": "exact"}.get(datatype, "number")
    wanted = {f"{kind}:x": values.tolist()}
    body, length = binary(("x", datatype, rows, values.tobytes()))
    assert kept(bodies.columns(body, length, "inputs")) == wanted
    for data in (values.tolist(), [[value] for value in values.tolist()]):
        assert kept(bodies.columns(head(tensor("x", datatype, rows, data)), None, "inputs")) == wanted


@pytest.mark.parametrize("rows", ROWS)
def test_a_text_is_kept_alike_from_json_and_from_bytes(rows):
    values = ["", "Zürich", "b"][:rows]
    body, length = binary(("x", "BYTES", rows, text(*values)))
    assert kept(bodies.columns(body, length, "inputs")) == {"text:x": values}
    assert kept(bodies.columns(head(tensor("x", "BYTES", rows, values)), None, "inputs")) == {
        "text:x": values
    }


@pytest.mark.parametrize("datatype", ["BOOL", "FP16", "FP32", "FP64", "INT64", "UINT64", "INT8"])
@pytest.mark.parametrize(
    "data", [[True], [2], [-3], [1.5], [0.1], [1e300], [2**63], ["4"], [None], [[[1]]], ["x"], [{}], {}, 7]
)
def test_json_numbers_are_read_as_numpy_reads_them(datatype, data):
    body = head(tensor("x", datatype, 1, data))
    try:
        with np.errstate(over="ignore"):
            wanted = np.array(data, tensors.DTYPES[datatype])
            wanted = wanted.astype(tensors.KEPT[tensors.KINDS[datatype]])
        readable = wanted.shape == (1,)
    except (TypeError, ValueError, OverflowError):
        readable = False
    if readable:
        assert bodies.columns(body, None, "inputs").values == [wanted.tobytes()]
    else:
        with pytest.raises(Undecodable):
            bodies.columns(body, None, "inputs")


def test_columns_are_sorted_and_what_is_no_column_is_left_out():
    image = {"name": "image", "datatype": "UINT8", "shape": [1, 2, 2], "parameters": {"binary_data_size": 4}}
    inside = tensor("a", "FP32", 1, [0.5])
    front = head(tensor("z", "FP32", 1, size=4), image, inside, tensor("m", "BYTES", 1, size=6))
    body = front + np.float32(2.5).tobytes() + b"\1\2\3\4" + text("no")
    for _ in range(2):
        found = bodies.columns(body, len(front), "inputs")
        assert kept(found) == {"number:a": [0.5], "number:z": [2.5], "text:m": ["no"]}
        assert found.names == ("number:a", "number:z", "text:m")


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("z", "a"), 0.0),
        (("a", "probability", "z"), 1.0),
        (("probability", "prediction"), 1.0),
    ],
)
def test_the_prediction_is_the_tensor_named_so_or_else_the_first_number(names, wanted):
    texts = tensor("label", "BYTES", 1, ["yes"])
    numbers = [tensor(name, "FP64", 1, [float(place)]) for place, name in enumerate(names)]
    found = bodies.columns(head(texts, *numbers, side="outputs"), None, "outputs")
    assert bodies.answer(found).tolist() == [wanted]
    assert bodies.answer(found).dtype == np.float64
    with pytest.raises(Undecodable):
        bodies.answer(bodies.columns(head(texts, side="outputs"), None, "outputs"))


def test_a_head_that_came_before_reads_other_bytes_as_well():
    parts = [("x", "FP32", 2), ("y", "INT64", 2), ("z", "FP64", 2), ("t", "BYTES", 2)]
    layouts._remembered.cache_clear()
    for turn in range(3):
        x, y, z = (np.arange(2, dtype=kind) + turn for kind in ("<f4", "<i8", "<f8"))
        raws = (x.tobytes(), y.tobytes(), z.tobytes(), text("a" * turn, "b" * (3 - turn)))
        body, length = binary(*((*part, raw) for part, raw in zip(parts, raws, strict=True)))
        again = kept(bodies.columns(body, length, "inputs"))
        anew = layouts.read(body[:length], "inputs")
        assert again == kept(bodies.cut(anew, body, length))
        assert again["exact:z"] == z.tolist()
        assert again["text:t"] == ["a" * turn, "b" * (3 - turn)]
    assert layouts._remembered.cache_info().hits == 2


@pytest.mark.parametrize("request_id", ["", "r-1", "Zürich", 'a"b', "\\", "x" * 99])
def test_a_head_is_the_same_whatever_request_it_names(request_id):
    layouts._remembered.cache_clear()
    for turn in (1.0, 2.0):
        body, headers = encode({"x": ("FP32", np.array([turn]))}, request_id + str(turn))
        found = bodies.columns(body, int(headers["inference-header-content-length"]), "inputs")
        assert kept(found) == {"number:x": [turn]}
    plain = request_id.isascii() and not set(request_id) & {'"', "\\"}
    assert layouts._remembered.cache_info().hits == int(plain)


def test_inputs_and_outputs_of_one_head_are_told_apart():
    front = orjson.dumps({"inputs": [tensor("x", "FP32", 1, size=4)], "outputs": []})
    body = front + bytes(4)
    assert kept(bodies.columns(body, len(front), "inputs")) == {"number:x": [0.0]}
    with pytest.raises(Undecodable):
        bodies.columns(body, len(front), "outputs")


def test_strangers_cannot_fill_the_memory_of_heads():
    layouts._remembered.cache_clear()
    for number in range(layouts.REMEMBERED + 50):
        body, length = binary((f"x{number}", "FP32", 1, bytes(4)))
        bodies.columns(body, length, "inputs")
    assert layouts._remembered.cache_info().currsize == layouts.REMEMBERED
    layouts._remembered.cache_clear()
    body, length = binary(("x", "FP32", 1, bytes(4)), note="n" * layouts.LONGEST)
    for wrong in (body, body + b"\0"):
        for _ in range(2):
            try:
                assert kept(bodies.columns(wrong, length, "inputs")) == {"number:x": [0.0]}
            except Undecodable:
                assert wrong != body
    for _ in range(2):
        with pytest.raises(Undecodable):
            bodies.columns(b'{"inputs":[{}]}', 15, "inputs")
    assert layouts._remembered.cache_info().currsize == 0


GOOD = ("x", "FP32", 1, bytes(4))
WRONG = {
    "one byte is missing": lambda body, length: (body[:-1], length),
    "one byte is too many": lambda body, length: (body + b"\0", length),
    "the head is longer than the body": lambda body, length: (body, len(body) + 1),
    "the head is empty": lambda body, length: (body, 0),
    "a size is negative": lambda *_: (head(tensor("x", "BYTES", 0, size=-1)), None),
    "a size is beyond all memory": lambda *_: (head(tensor("x", "BYTES", 1, size=2**63)), None),
    "a size is no multiple": lambda *_: binary(("x", "FP32", 1, bytes(5))),
    "a size is of two rows": lambda *_: binary(("x", "INT64", 1, bytes(16))),
    "columns differ": lambda *_: binary(GOOD, ("y", "FP32", 2, bytes(8))),
    "a text ends early": lambda *_: binary(("x", "BYTES", 1, b"\5\0\0\0abcd")),
    "a text has half a length": lambda *_: binary(("x", "BYTES", 1, b"\5\0")),
    "texts are too many": lambda *_: binary(("x", "BYTES", 1, text("a", "b"))),
    "no text": lambda *_: (head(tensor("x", "BYTES", 1, [1])), None),
    "texts are no list": lambda *_: (head(tensor("x", "BYTES", 1, {"a": 1})), None),
    "half a character": lambda *_: (head(tensor("x", "BYTES", 1, ["?"])).replace(b"?", b"\\ud800"), None),
    "half a character as name": lambda *_: (
        head(tensor("?", "FP32", 1, [1])).replace(b"?", b"\\ud800"),
        None,
    ),
    "a type that is none": lambda *_: (head(tensor("x", [], 1, [1])), None),
    "a shape that is none": lambda *_: (head(tensor("x", "FP32", True, [1])), None),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_body_that_is_not_what_the_protocol_says_is_refused_each_time(name):
    body, length = binary(GOOD)
    assert kept(bodies.columns(body, length, "inputs")) == {"number:x": [0.0]}
    for _ in range(2):
        with pytest.raises(Undecodable):
            bodies.columns(*WRONG[name](body, length), "inputs")


MIXED = {
    "size": ("FP32", np.float32([1.5, np.nan, -2])),
    "meter": ("FP64", np.float64([1e15 + 1, 2, 3])),
    "other": ("FP32", np.float32([7, 8, 9])),
    "at": ("INT64", np.int64([5, -(2**63), 2**62])),
    "word": ("BYTES", np.array(["", "Zürich", "b"], dtype=object)),
    "name": ("BYTES", np.array(["x", "", "é" * 50], dtype=object)),
}


@pytest.mark.parametrize("rows", ROWS)
def test_packed_columns_are_kept_as_columns_are(rows):
    asked = {name: (datatype, values[:rows]) for name, (datatype, values) in MIXED.items()}
    if not rows:
        asked = {name: item for name, item in asked.items() if item[0] != "BYTES"}
    plain, packed = (
        bodies.columns(body, int(headers[HEADER_LENGTH]), "inputs")
        for body, headers in (encode(asked), pack(asked))
    )
    assert packed.names == plain.names
    assert [*packed.values] == [*plain.values]
    assert packed.rows == rows


@pytest.mark.parametrize("nested", [False, True])
def test_packed_columns_in_json_are_kept_too(nested):
    data = [[1.0, 2.0], [3.0, 4.0]] if nested else [1.0, 2.0, 3.0, 4.0]
    item = {"name": "packed.FP32", "datatype": "FP32", "shape": [2, 2], "data": data}
    beside = tensor("c", "INT64", 2, [5, 6])
    body = orjson.dumps({"inputs": [beside, item], "parameters": {"packed.FP32": '["b","a"]'}})
    found = kept(bodies.columns(body, None, "inputs"))
    assert found == {"number:b": [1.0, 3.0], "number:a": [2.0, 4.0], "integer:c": [5, 6]}


@pytest.mark.parametrize(
    ("shape", "named"),
    [
        ([1, 2], '["a"]'),
        ([1, 2], '["a","a"]'),
        ([1, 2], "a,b"),
        ([1, 2], 7),
        ([2], '["a","b"]'),
        ([-1, 2], '["a","b"]'),
    ],
)
def test_a_packed_tensor_whose_columns_nobody_can_know_is_undecodable(shape, named):
    item = {"name": "packed.FP32", "datatype": "FP32", "shape": shape, "data": [1.0, 2.0]}
    with pytest.raises(Undecodable):
        bodies.columns(orjson.dumps({"inputs": [item], "parameters": {"packed.FP32": named}}), None, "inputs")


def test_a_column_that_is_only_called_like_a_packed_tensor_is_a_column():
    item = tensor("packed.FP32", "FP32", 1, [1.0])
    assert kept(bodies.columns(head(item), None, "inputs")) == {"number:packed.FP32": [1.0]}
