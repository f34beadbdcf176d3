"""Messages over gRPC become the rows that the same tensors are over REST, bit for bit, whoever wrote them."""

import random

import numpy as np
import pytest
from tritonclient.grpc import service_pb2 as oip

from millrace.oip import HEADER_LENGTH, encode, pack
from millrace_core.open_inference import HOLDS
from millrace_monitoring.ingest import bodies, messages, tensors
from millrace_monitoring.ingest.bodies import Undecodable

VALUES = {name: np.array([0, 1, 1], kind) for name, kind in tensors.DTYPES.items()}
VALUES |= {
    "FP32": np.array([0.1, np.nan, -3e38], "<f4"),
    "FP64": np.array([0.1, np.inf, 1e300], "<f8"),
    "INT64": np.array([2**63 - 1, -(2**63), 0], "<i8"),
    "UINT64": np.array([2**63 - 1, 2**64 - 1, 0], "<u8"),
    "INT8": np.array([-128, 127, 0], "<i1"),
    "BYTES": np.array(["", "Zürich", "b" * 300], dtype=object),
}


def binary(datatype, values):
    return encode({"x": (datatype, values)})


def raw_of(datatype, values):
    body, headers = binary(datatype, values)
    return body[int(headers[HEADER_LENGTH]) :]


def message(*columns, kind=oip.ModelInferRequest, raw=True, side="inputs", **more):
    """A message of (name, datatype, values), written by the published classes."""
    made = kind(model_name="m", id="1", **more)
    for name, datatype, values in columns:
        tensor = getattr(made, side).add(name=name, datatype=datatype, shape=[len(values), 1])
        if raw:
            contents = made.raw_input_contents if side == "inputs" else made.raw_output_contents
            contents.append(raw_of(datatype, values))
        else:
            items = [value.encode() for value in values] if datatype == "BYTES" else values.tolist()
            getattr(tensor.contents, HOLDS[datatype]).extend(items)
    return made


def over_rest(datatype, values):
    body, headers = binary(datatype, values)
    return bodies.columns(body, int(headers[HEADER_LENGTH]), "inputs")


@pytest.mark.parametrize("datatype", [name for name in VALUES if name in ("FP32", "FP64", "INT64", "BYTES")])
@pytest.mark.parametrize("raw", [True, False])
def test_a_column_is_kept_bit_for_bit_as_over_rest(datatype, raw):
    made = message(("x", datatype, VALUES[datatype]), raw=raw)
    for _ in range(2):
        assert messages.columns(made.SerializeToString(), "inputs") == over_rest(datatype, VALUES[datatype])


@pytest.mark.parametrize("datatype", sorted(HOLDS))
def test_typed_and_raw_contents_of_each_datatype_are_kept_alike(datatype):
    values = VALUES[datatype]
    column = ("x", datatype, values)
    if datatype not in ("FP32", "FP64", "INT64", "BYTES"):
        raw = oip.ModelInferRequest(model_name="m", raw_input_contents=[values.tobytes()])
        raw.inputs.add(name="x", datatype=datatype, shape=[3])
    else:
        raw = message(column)
    typed = messages.columns(message(column, raw=False).SerializeToString(), "inputs")
    assert messages.columns(raw.SerializeToString(), "inputs") == typed
    assert typed.rows == 3


def test_packed_columns_are_known_by_their_names():
    columns = {name: ("FP32", np.float32([place, place + 0.5])) for place, name in enumerate("abc")}
    body, headers = pack(columns)
    made = oip.ModelInferRequest(model_name="m")
    made.parameters["packed.FP32"].string_param = '["a","b","c"]'
    made.inputs.add(name="packed.FP32", datatype="FP32", shape=[2, 3])
    made.raw_input_contents.append(body[int(headers[HEADER_LENGTH]) :])
    told = messages.columns(made.SerializeToString(), "inputs")
    assert told == bodies.columns(body, int(headers[HEADER_LENGTH]), "inputs")
    assert told.names == ("number:a", "number:b", "number:c")


def test_an_answer_is_its_number_or_a_vector_of_one_for_each_class():
    made = oip.ModelInferResponse(model_name="m--r1")
    made.outputs.add(name="class", datatype="BYTES", shape=[2, 1])
    made.outputs.add(name="probabilities", datatype="FP32", shape=[2, 3])
    made.raw_output_contents.append(raw_of("BYTES", np.array(["a", "c"], dtype=object)))
    made.raw_output_contents.append(np.float32([[0.5, 0.25, 0.25], [0, 0, 1]]).tobytes())
    answer = bodies.answer(messages.columns(made.SerializeToString(), "outputs"))
    assert answer.tolist() == [[0.5, 0.25, 0.25], [0, 0, 1]]


def test_only_some_raw_contents_shared_memory_and_fp16_in_types_are_no_rows():
    two = message(("x", "FP32", VALUES["FP32"]), ("y", "FP32", VALUES["FP32"]))
    del two.raw_input_contents[1]
    shared = oip.ModelInferRequest(model_name="m")
    shared.inputs.add(name="x", datatype="FP32", shape=[1, 1]).parameters[
        "shared_memory_region"
    ].string_param = "mine"
    half = oip.ModelInferRequest(model_name="m")
    half.inputs.add(name="x", datatype="FP16", shape=[1, 1]).contents.fp32_contents.append(1)
    for made in (two, shared, half):
        with pytest.raises(Undecodable):
            messages.columns(made.SerializeToString(), "inputs")


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_whatever_bytes_come_they_are_columns_or_undecodable(side):
    kind = {"inputs": oip.ModelInferRequest, "outputs": oip.ModelInferResponse}[side]
    columns = [(name, name, values) for name, values in VALUES.items() if name in ("FP32", "INT64", "BYTES")]
    good = [message(*columns, kind=kind, raw=raw, side=side).SerializeToString() for raw in (True, False)]
    for seed in range(1500):
        chance = random.Random(seed)
        bad = bytearray(chance.choice(good))
        for _ in range(chance.randint(1, 6)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        try:
            told = messages.columns(bytes(bad[: chance.randint(0, len(bad))]), side)
        except Undecodable:
            continue
        assert all(isinstance(name, str) for name in told.names)
