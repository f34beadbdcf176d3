"""The body of a request for predictions is read as JSON says, whichever reader is faster."""

import json

import pytest
from starlette.requests import Request

from millrace_contracts.predictions import PredictionAnswer
from millrace_contracts.signature import Signature
from millrace_serving.lines import Answer
from millrace_serving.predictions import requests, routes
from millrace_serving.revisions.standing import Answering, Standing

from .graphs import SIGNATURE


async def read(body, kind="application/json"):
    async def receive():
        return {"type": "http.request", "body": body}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}
    return await requests.read(Request(scope, receive))


@pytest.mark.parametrize(
    "text",
    ["1", "-0", "-0.0", "0.1", "1E5", "18446744073709551616", "-9223372036854775809", "1" + "0" * 30, "NaN", "1e400",
     '"\\ud800"', '"é"', "null", "true", "0.12345678901234567890123"],
)  # fmt: skip
async def test_a_cell_is_what_json_says(text):
    body = '{"rows": [{"a": %s}]}' % text  # noqa: UP031
    (cell,) = (await read(body.encode())).rows[0].values()
    wanted = json.loads(text)
    assert (type(cell), repr(cell)) == (type(wanted), repr(wanted))


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"", "application/json", "Field required"),
        (b"null", "application/json", "Field required"),
        (b"[1]", "application/json", "valid dictionary"),
        (b"{}", "text/plain", "valid dictionary"),
        (b"{bad", "application/json", "JSON decode error"),
        (b'{"rows": []}', "application/json", "at least 1 item"),
        (b'{"rows": [1]}', "application/json", "valid dictionary"),
        (b'{"rows": [{}], "colour": 1}', "application/json", "Extra inputs"),
        (b'{"rows": [{}], "key": "with space"}', "application/json", "match pattern"),
        (b'{"rows": [{}], "event_time": "soon"}', "application/json", "valid datetime"),
        (b'{"rows": [{}], "event_time": "0001-01-01T00:00:00+14:00"}', "application/json", "1970 to 2199"),
        (b'{"rows": [{}], "event_time": "9999-12-31T23:59:59"}', "application/json", "1970 to 2199"),
    ],
)
async def test_a_wrong_frame_is_told(body, kind, words):
    with pytest.raises(requests.RequestValidationError) as caught:
        await read(body, kind)
    assert words in caught.value.errors()[0]["msg"]
    assert caught.value.errors()[0]["loc"][0] == "body"


async def test_what_is_wrong_with_a_cell_is_told_when_it_is_asked_for():
    came = await read(b'{"rows": [{"a": {"b": 1}}]}')
    with pytest.raises(requests.RequestValidationError) as caught:
        came.checked()
    (told,) = caught.value.errors()
    assert told["loc"] == ("body", "rows", 0, "a")
    assert told["msg"] == "is no number, text, truth value or list of numbers; send null if it is not known"


async def test_a_number_that_is_none_in_json_is_told_once_with_a_remedy():
    came = await read(b'{"rows": [{"a": NaN, "b": Infinity}]}')
    with pytest.raises(requests.RequestValidationError) as caught:
        came.checked()
    assert [told["msg"] for told in caught.value.errors()] == [requests.NOT_FINITE] * 2


def test_an_answer_is_written_as_its_type_says():
    """Routes write it field by field; the type is what clients are promised."""
    signature = Signature.model_validate(SIGNATURE)
    stable = Answering(3, signature)
    told = routes._told(
        answer(), "r", Standing("p", "m", "UTC", "/", stable, {"r": stable}, frozenset()), (0, [])
    )
    assert told == PredictionAnswer.model_validate(told).model_dump()
    assert told.keys() == PredictionAnswer.model_fields.keys()
    assert (told["version"], told["predictions"], told["request_id"]) == (3, [0.5], "a")


def answer():
    """What a gateway answers for one row."""
    outputs = [{"name": "prediction", "datatype": "FP32", "shape": [1, 1], "data": [0.5]}]
    return Answer(200, {"x-request-id": "a"}, json.dumps({"outputs": outputs}).encode())
