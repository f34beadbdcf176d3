"""A request that does not fit is answered 4xx with the column and the remedy, at the Open Inference paths too."""

import base64
import gzip
import json

import httpx
import numpy as np
import psutil
import pytest
from tritonclient.grpc import service_pb2 as pb

from millrace import oip
from millrace_contracts.signature import Signature
from millrace_core.open_inference import HOLDS
from millrace_serving.refusals import faults, messages

from . import graphs

SIGNATURE = Signature.model_validate(graphs.SIGNATURE)


def tensor(name, datatype, *values, rows=None):
    return {"name": name, "shape": [len(values) if rows is None else rows, 1], "datatype": datatype} | {
        "data": list(values)
    }


def body(*changed, without=()):
    """A good request of one row, with tensors changed, added or left out."""
    tensors = [
        tensor("distance", "FP32", 10.0),
        tensor("origin", "BYTES", "JFK"),
        tensor("departed", "INT64", 0),
    ]
    names = {item["name"] for item in changed} | set(without)
    return {"inputs": [*(item for item in tensors if item["name"] not in names), *changed]}


WRONG = [
    (body(tensor("distance", "FP32", None)), "inputs.distance.data[0]", "is null"),
    (body(tensor("origin", "BYTES", None)), "inputs.origin.data[0]", "is null"),
    (body(tensor("departed", "INT64", None)), "inputs.departed.data[0]", "is null"),
    (body(tensor("distance", "FP32", "10")), "inputs.distance.data[0]", 'is "10"'),
    (body(tensor("distance", "FP32", True)), "inputs.distance.data[0]", "is true"),
    (body(tensor("origin", "BYTES", 7)), "inputs.origin.data[0]", "is 7"),
    (body(tensor("departed", "INT64", 1.5)), "inputs.departed.data[0]", "is 1.5"),
    (body(tensor("distance", "INT64", 10)), "inputs.distance", "has the datatype INT64"),
    (body(tensor("colour", "BYTES", "red")), "inputs.colour", "is not an input of the model"),
    (body(without=["departed"]), "inputs.departed", "is missing"),
    (body(tensor("distance", "FP32", 1.0, 2.0)), "inputs.origin", "has 1 row, "),
    (body(tensor("distance", "FP32", 1.0, rows=2)), "inputs.distance.data", "has 1 values for 2 rows"),
    ({"inputs": []}, "inputs", "is missing or empty"),
    ({}, "inputs", "is missing or empty"),
    ([], "body", "is no object"),
    ({"inputs": [{"datatype": "FP32"}]}, "inputs", "has an item without a name"),
    (body() | {"parameters": []}, "parameters", "is no object"),
    (body() | {"parameters": {"a": {"b": 1}}}, "parameters.a", "is no number, text or truth value"),
    (body() | {"parameters": {"timeout": -1}}, "parameters.timeout", "is no whole number"),
    (
        body() | {"parameters": {"binary_data_output": "yes"}},
        "parameters.binary_data_output",
        "no truth value",
    ),
    (body() | {"outputs": "prediction"}, "outputs", "is no list"),
    (body() | {"outputs": [{}]}, "outputs[0]", "has no name"),
    (
        body() | {"outputs": [{"name": "prediction", "parameters": {"classification": -5}}]},
        "outputs[0].parameters.classification",
        "is no whole number",
    ),
    (body() | {"id": 5}, "id", "is no text"),
    (body(tensor("origin", "BYTES", "\ud800")), "inputs.origin.data[0]", 'is "?"'),
    (body(tensor("distance", "FP32", 1.0) | {"shape": [True, 1]}), "inputs.distance", "has the shape"),
]
TEXTS = [
    (b"", "body", "is empty"),
    (b"{", "body", "is not JSON"),
    ("{}".encode("utf-16"), "body", "is not JSON"),
]


def errors_of(content, length=0, limit=1024):
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    return faults.of_request(content, length, SIGNATURE, limit)


@pytest.mark.parametrize(("content", "where", "what"), [*WRONG, *TEXTS])
def test_a_mistake_is_named_with_its_place_and_a_remedy(content, where, what):
    errors = errors_of(content)
    first = next(error for error in errors if error.where == where)
    assert what in first.what
    assert first.mend


def test_a_request_that_fits_has_no_mistake():
    assert errors_of(body()) == []
    assert errors_of(body(tensor("distance", "FP32", [10]))) == []
    content, headers = oip.encode({"distance": ("FP32", np.float32([np.nan])), "origin": ("BYTES", np.array([""])),
                                   "departed": ("INT64", np.int64([0]))})  # fmt: skip
    length = int(headers[oip.HEADER_LENGTH])
    assert errors_of(content, length) == []
    assert errors_of(content + b"x", length)[0].where == "body"


def test_mistakes_are_told_up_to_twenty_and_a_column_by_its_own_name():
    assert len(errors_of(body(tensor("distance", "FP32", *[None] * 50)))) == 20
    named = SIGNATURE.model_copy(deep=True)
    named.inputs[0].column = "Distance (km)"
    content = json.dumps(body(tensor("distance", "FP32", None))).encode()
    assert "column Distance (km)" in faults.of_request(content, 0, named, 9)[0].where


def test_a_request_of_more_rows_than_one_may_have_is_told_the_limit():
    with pytest.raises(faults.TooManyRows, match="5 rows; one request may have 4"):
        errors_of(body(tensor("distance", "FP32", *[1.0] * 5)), limit=4)


def message(*changed, without=()):
    """The same requests as messages over gRPC, their values in typed contents."""
    made = pb.ModelInferRequest(model_name="m")
    for item in body(*changed, without=without)["inputs"]:
        added = made.inputs.add(name=item["name"], datatype=item["datatype"], shape=item["shape"])
        values = [value.encode() if isinstance(value, str) else value for value in item["data"]]
        getattr(added.contents, HOLDS[item["datatype"]]).extend(values)
    return made.SerializeToString()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (message(), ""),
        (message(without=["departed"]), "inputs.departed is missing; send it, as INT64 of shape [rows, 1]."),
        (message(tensor("distance", "INT64", 1)), "inputs.distance has the datatype INT64; send FP32."),
        (message(tensor("Größe", "BYTES", "x")), "inputs.Gr%C3%B6%C3%9Fe is not an input of the model; leave it out."),
        (message(tensor("distance", "FP32", *[1.0] * 9)), "The request has 9 rows; one request may have 8"),
        (b"", "inputs is missing or empty; send one tensor each for distance, origin, departed."),
        (b"\x2a\x02\x0a\x7f", "The message is not what its protobuf says: Error parsing message"),
    ],
)  # fmt: skip
def test_a_message_over_grpc_is_told_its_mistake_in_the_letters_of_a_header(content, words):
    told = messages.of_message(content, SIGNATURE, 8)
    assert told.startswith(words) if words else told == ""
    assert told.isascii()


@pytest.fixture(scope="module")
def asked(serving):
    """A live endpoint, and a way to ask it as any client does."""
    name = serving.endpoint()
    assert serving.rollout(name, 2)["state"] == "promoted"

    def ask(content, name=name, **headers):
        content = json.dumps(content).encode() if isinstance(content, dict | list) else content
        url = f"{serving.gateway()['inference_url']}/v2/models/{name}/infer"
        headers = {"content-type": "application/json"} | headers
        return httpx.post(url, content=content, headers=headers, timeout=20)

    ask.name = name
    return ask


@pytest.mark.parametrize(("content", "where", "what"), [*WRONG, *TEXTS])
def test_the_gateway_answers_4xx_with_the_column_and_the_remedy(asked, content, where, what):
    answer = asked(content)
    assert answer.status_code == 400, answer.text
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert any(
        error["where"] == where and what in error["what"] and error["mend"] for error in told["errors"]
    )
    assert told["error"] == told["detail"]
    assert asked(body()).status_code == 200


def binary(texts):
    """A good binary request of one row, with these bytes for its text."""
    columns = {"distance": ("FP32", np.ones(1, np.float32)), "departed": ("INT64", np.zeros(1, np.int64))}
    content, headers = oip.encode(columns | {"origin": ("BYTES", np.array(["x" * (len(texts) - 4)]))})
    place = content.rindex(b"x" * (len(texts) - 4)) - 4
    return content[:place] + texts + content[place + len(texts) :], headers


@pytest.mark.parametrize(
    ("texts", "where", "what"),
    [
        (b"\1\0\0\0\xff", "inputs.origin.data[0]", "is no UTF-8"),
        (b"\xff\xff\xff\x7fx", "inputs.origin", "ends in the middle of text 0"),
        (b"\0\0\0\0x", "inputs.origin", "ends in the middle of text 1"),
    ],
)
def test_bytes_that_are_no_texts_are_400(asked, texts, where, what):
    content, headers = binary(texts)
    answer = asked(content, **headers)
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()["errors"]
    assert error["where"] == where
    assert what in error["what"]


def test_no_header_of_a_client_is_the_revisions_fault(asked):
    assert asked(body(), **{"x-millrace-key": "k" * 256}).status_code == 200
    long = asked(body(), **{"x-millrace-key": "k" * 257})
    assert (long.status_code, long.json()["error"]) == (
        400,
        "x-millrace-key has 257 signs; send 256 at most.",
    )
    assert asked(body(), cookie="k" * 7000).status_code == 200
    assert asked(body(), cookie="k" * 12_000).status_code == 431
    assert asked(body(), **{"content-encoding": "br"}).status_code == 415


def test_a_body_in_pieces_is_answered_logged_and_explained_as_any_other(asked, serving):
    text = json.dumps(body()).encode()
    url = f"{serving.gateway()['inference_url']}/v2/models/{asked.name}/infer"

    def send(*pieces, **headers):
        return httpx.post(url, content=iter(pieces), headers=headers, timeout=20)

    assert send(text[:20], text[20:], **{"x-request-id": "in-pieces"}).status_code == 200
    record = serving.receiver.of("in-pieces")[0]
    assert base64.b64decode(record["request"]) == text
    assert send(text.replace(b"10.0", b"null")).json()["errors"][0]["where"] == "inputs.distance.data[0]"
    assert send().status_code == 400


def tritons(serving):
    """Process ids of the service's Triton."""
    children = psutil.Process(serving.process.pid).children(recursive=True)
    (found,) = [child.pid for child in children if "tritonserver" in child.name()]
    return found


def test_no_tensor_that_declares_what_it_does_not_hold_ends_triton(asked, serving):
    """Each of these ended a Triton that it came to (24.10: std::length_error, bad_alloc, a stack at its end)."""
    before = tritons(serving)
    for size in (2**64 - 1, 2**62):
        hostile = json.dumps(body(tensor("distance", "FP32", 1.0, rows=size))).encode()
        for content in (
            hostile,
            hostile.replace(b"shape", rb"sh\u0061pe"),
            b" " * 300_000 + hostile,
            iter([hostile]),
        ):
            told = asked(content)
            assert (told.status_code in (400, 413), f"{size}" in told.json()["error"]) == (True, True), (
                told.text
            )
    deep = b'{"inputs":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    assert "64 deep" in asked(deep).json()["error"]
    packed = asked(gzip.compress(hostile), **{"content-encoding": "gzip"})
    assert packed.status_code == 415
    assert asked(body()).status_code == 200
    assert tritons(serving) == before


def test_a_batch_over_the_limit_is_413_with_the_limit(asked, serving):
    columns = {"distance": ("FP32", np.ones(1025, np.float32)), "origin": ("BYTES", np.array(["x"] * 1025)),
               "departed": ("INT64", np.zeros(1025, np.int64))}  # fmt: skip
    content, headers = oip.encode(columns)
    answer = asked(content, **headers)
    assert answer.status_code == 413
    assert "1025 rows; one request may have 1024" in answer.json()["error"]
    long = oip.encode(columns | {"origin": ("BYTES", np.array(["x" * 500] * 1025))})
    unkept = asked(long[0], **long[1])
    assert unkept.status_code == 413
    assert "1024" in unkept.text


def test_a_clients_fault_is_logged_as_its_own_and_not_as_the_revisions(asked, serving):
    answer = asked(body(tensor("distance", "FP32", None)), **{"x-request-id": "null-sent"})
    assert answer.headers["x-request-id"] == "null-sent"
    assert serving.receiver.of("null-sent")[0]["status"] == "400"


def test_a_request_that_fits_and_fails_stays_the_revisions_fault(serving, asked):
    answer = serving.client.post(
        f"/v1/gateway/refusals/{asked.name}--r1",
        content=b"e30=",
        headers={"content-type": "text/plain", "x-millrace-json-length": "0"},
    )
    assert answer.status_code == 400
    good = base64.b64encode(json.dumps(body()).encode())
    path = f"/v1/gateway/refusals/{asked.name}--r1"
    assert serving.client.post(path, content=good).status_code == 204
    assert serving.client.post(path, content=b"%%%").status_code in (204, 400, 422)
    assert serving.client.post(f"/v1/gateway/refusals/{asked.name}--r9", content=good).status_code == 404
