"""All columns of a datatype in one tensor: the same answers, the same log, and words for what does not fit."""

import base64
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import orjson
import pytest
import tritonclient.http as triton

from millrace import oip
from millrace_contracts import packing
from millrace_monitoring.ingest import bodies

from . import graphs

ROWS = {
    "distance": ("FP32", np.float32([100, np.nan, 7])),
    "origin": ("BYTES", np.array(["JFK", "", "nowhere é"], dtype=object)),
    "departed": ("INT64", np.int64([1362898800, np.iinfo(np.int64).min, 0])),
}


@pytest.fixture(scope="module")
def endpoint(serving):
    name = serving.endpoint()
    assert serving.rollout(name, 2)["state"] == "promoted"
    return name


def url(serving, name):
    return f"{serving.gateway()['inference_url']}/v2/models/{name}/infer"


def kept(record):
    """What the prediction log keeps of a request."""
    length = record["request_json_length"]
    body = base64.b64decode(record["request"])
    came = bodies.columns(body, None if length == "-" else int(length), "inputs")
    return dict(zip(came.names, came.values, strict=True))


def test_packed_rows_are_answered_and_logged_as_columns_are(serving, endpoint):
    told = {}
    for form in (oip.encode, oip.pack):
        body, headers = form(ROWS)
        headers["x-request-id"] = f"form-{form.__name__}-{endpoint}"
        answer = httpx.post(url(serving, endpoint), content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        outputs = oip.decode(answer.content, int(answer.headers[oip.HEADER_LENGTH]))
        told[form] = outputs["prediction"], kept(serving.receiver.of(headers["x-request-id"])[0])
    assert np.array_equal(told[oip.encode][0], np.float32([205, np.nan, 14]), equal_nan=True)
    assert np.array_equal(told[oip.encode][0], told[oip.pack][0], equal_nan=True)
    assert told[oip.encode][1] == told[oip.pack][1]


def test_packed_numbers_of_many_who_ask_at_once_are_not_mixed_up(serving):
    """Rows of numbers alone are read from buffers that the next call writes again."""
    name = serving.endpoint()
    columns = ("meter", "other")
    inputs = [{"name": one, "datatype": "FP64", "column": one, "kind": "number"} for one in columns]
    golden = {"inputs": {"meter": [5.0, 1.0], "other": [2.0, 7.0]}, "outputs": {"prediction": [3.0, -6.0]}}
    candidate = {"signature": {**graphs.SIGNATURE, "inputs": inputs}, "graph": graphs.difference_graph()}
    assert serving.rollout(name, 41, **candidate, golden=golden)["state"] == "promoted"

    def asked(number):
        rng = np.random.default_rng(number)
        values = {one: ("FP64", rng.normal(size=(1, 1, 2, 3, 70)[number % 5])) for one in columns}
        order = dict(sorted(values.items(), reverse=number % 3 == 0))
        body, headers = oip.pack(order)
        answer = httpx.post(url(serving, name), content=body, headers=headers)
        outputs = oip.decode(answer.content, int(answer.headers[oip.HEADER_LENGTH]))
        wanted = np.float32(values["meter"][1] - values["other"][1])
        return np.array_equal(outputs["prediction"].ravel(), wanted)

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(asked, range(240)))


def test_an_unchanged_client_may_pack_in_any_order_and_mix_the_forms(serving):
    signature = {
        **graphs.SIGNATURE,
        "inputs": [
            {"name": name, "datatype": "FP64", "column": name, "kind": "number"}
            for name in ("meter", "other")
        ],
    }
    name = serving.endpoint()
    golden = {"inputs": {"meter": [5.0, 1.0], "other": [2.0, 7.0]}, "outputs": {"prediction": [3.0, -6.0]}}
    candidate = {"signature": signature, "graph": graphs.difference_graph(), "golden": golden}
    assert serving.rollout(name, 41, **candidate)["state"] == "promoted"
    client = triton.InferenceServerClient(serving.gateway()["inference_url"].removeprefix("http://"))
    for order, values in ((["meter", "other"], [[9, 4]]), (["other", "meter"], [[4, 9]])):
        item = triton.InferInput("packed.FP64", [1, 2], "FP64")
        item.set_data_from_numpy(np.float64(values))
        named = {"packed.FP64": json.dumps(order)}
        assert client.infer(name, [item], parameters=named).as_numpy("prediction").tolist() == [[5.0]]
    client.close()


def test_one_form_of_each_datatype_will_do(serving, endpoint):
    alone = {"name": "distance", "shape": [1, 1], "datatype": "FP32", "data": [10]}
    packed = [
        {"name": packing.tensor(kind), "shape": [1, 1], "datatype": kind, "data": [data]}
        for kind, data in (("BYTES", ["EWR"]), ("INT64", [0]))
    ]
    named = {"packed.BYTES": '["origin"]', "packed.INT64": '["departed"]'}
    answer = httpx.post(
        url(serving, endpoint),
        json={"inputs": [alone, *packed], "parameters": named},
        headers={"x-request-id": f"mixed-{endpoint}"},
    )
    assert answer.json()["outputs"][0]["data"] == [27.0]
    assert kept(serving.receiver.of(f"mixed-{endpoint}")[0])["text:origin"] == ["EWR"]


def spoilt(change):
    """The head of a packed request with one thing changed, and its bytes."""
    body, headers = oip.pack(ROWS)
    length = int(headers[oip.HEADER_LENGTH])
    head = orjson.loads(body[:length])
    change(head)
    text = orjson.dumps(head)
    return text + body[length:], headers | {oip.HEADER_LENGTH: str(len(text))}


def _renamed(head):
    head["parameters"]["packed.FP32"] = '["distanz"]'


def _nameless(head):
    del head["parameters"]["packed.BYTES"]


def _twice(head):
    head["inputs"].append({"name": "distance", "shape": [3, 1], "datatype": "FP32", "data": [1, 2, 3]})


def _wide(head):
    head["inputs"][0]["shape"] = [1, 3]


def _lacking(head):
    head["inputs"].append({"name": "departed", "shape": [3, 1], "datatype": "FP32", "data": [1, 2, 3]})


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        (_renamed, "parameters.packed.FP32", '["distance"]'),
        (_nameless, "parameters.packed.BYTES", '["origin"]'),
        (_twice, "inputs.distance", "in one of the two"),
        (_wide, "inputs.packed.FP32", "[rows, 1]"),
        (_lacking, "inputs.departed", "in one of the two"),
    ],
)
def test_a_packed_request_that_does_not_fit_is_told_why(serving, endpoint, change, where, words):
    body, headers = spoilt(change)
    answer = httpx.post(url(serving, endpoint), content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["where"] == where
    assert words in answer.json()["errors"][0]["mend"]


def test_rows_of_json_are_sent_packed(serving, endpoint):
    answer = serving.predict(endpoint)
    record = serving.receiver.of(answer.json()["request_id"])[0]
    head = base64.b64decode(record["request"])[: int(record["request_json_length"])]
    assert [item["name"] for item in orjson.loads(head)["inputs"]] == [
        "packed.FP32",
        "packed.BYTES",
        "packed.INT64",
    ]


@pytest.mark.slow
def test_a_revision_laid_down_before_there_were_packed_columns_answers_packed_after_the_next_start(serving):
    """Triton starts with what lies in its repository, and has what an older Millrace wrote there already loaded."""
    old = Path(__file__).parent / "before_packed"
    name = serving.endpoint()
    assert serving.rollout(name, 2)["state"] == "promoted"
    (config,) = (serving.home / "serving" / "triton" / "models").glob(f"{name}--*/config.pbtxt")
    serving.stop()
    (digest,) = re.findall(r"sha256:[0-9a-f]{64}", config.read_text())
    written = (old / "config.pbtxt").read_text().replace("NAME", config.parent.name).replace("DIGEST", digest)
    config.write_text(written)
    (config.parent / "1" / "model.py").write_text((old / "model.py.txt").read_text())
    serving.start()
    began, body = time.monotonic(), oip.pack(ROWS)
    while not serving.client.get(f"/v1/endpoints/{name}").json()["packed"]:
        assert time.monotonic() - began < 60, serving.log()[-2000:]
        assert serving.predict(name).status_code == 200
        time.sleep(0.1)
    answer = httpx.post(url(serving, name), content=body[0], headers=body[1])
    outputs = oip.decode(answer.content, int(answer.headers[oip.HEADER_LENGTH]))
    assert np.array_equal(outputs["prediction"], np.float32([205, np.nan, 14]), equal_nan=True)
    assert config.read_text() != written
    assert "was loaded by another version of serving" in serving.log()
