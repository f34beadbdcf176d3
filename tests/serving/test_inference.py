"""A registered graph answers through real Envoy and Triton, JSON and binary, and every request is logged."""

import base64
import socket
import time
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import tritonclient.http as triton

from millrace import oip
from millrace_contracts import access
from millrace_monitoring.ingest import bodies, tensors

from . import graphs

ROW = {
    "distance": ("FP32", np.float32([100])),
    "origin": ("BYTES", np.array(["JFK"], dtype=object)),
    "departed": ("INT64", np.int64([1362898800])),
}


@pytest.fixture(scope="module")
def endpoint(serving):
    name = serving.endpoint()
    rollout = serving.rollout(name, 2)
    assert rollout["state"] == "promoted", rollout
    return name


def test_rows_with_nulls_are_predicted_through_the_gateway(serving, endpoint):
    rows = [
        {"distance": 100.0, "origin": "JFK", "departed": "2013-03-10T07:00:00Z"},
        {"distance": None, "origin": "JFK", "departed": None},
        {"distance": 7, "origin": None, "departed": 1362898800},
    ]
    answer = serving.predict(endpoint, rows, key="k1", event_time="2013-03-10T07:00:00Z")
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == [205.0, None, 14.0]
    assert answer.json()["version"] == 2
    record = serving.receiver.of(answer.json()["request_id"])[0]
    assert record["endpoint"] == endpoint
    assert record["project"] == "default"
    assert record["revision"] == answer.json()["revision"] == f"{endpoint}--r1"
    assert (record["listener"], record["key"], record["status"]) == ("inference", "k1", "200")
    assert record["event_time"].startswith("2013-03-10T07:00:00")
    sent = oip.decode(base64.b64decode(record["response"]), int(record["response_json_length"]))
    assert np.array_equal(sent["prediction"], np.float32([205, np.nan, 14]), equal_nan=True)
    assert int(record["request_json_length"]) < len(base64.b64decode(record["request"]))


@pytest.mark.parametrize("between", [b"\t", b" ", b"\r\n ", b"\n", b"\r", b"\r\n\t"])
def test_no_key_of_a_client_holds_the_end_of_a_line(serving, endpoint, between):
    """A record has a line for each field: Envoy joins folded lines, and refuses the rest."""
    gateway = urlsplit(serving.gateway()["inference_url"])
    body, headers = oip.encode(ROW)
    name = f"line-{between.hex()}-{endpoint}"
    lines = {**headers, "host": gateway.netloc, "content-length": len(body), "x-request-id": name}
    head = "".join([f"{key}: {value}\r\n" for key, value in lines.items()]).encode()
    request = f"POST /v2/models/{endpoint}/infer HTTP/1.1\r\n".encode()
    with socket.create_connection((gateway.hostname, gateway.port), timeout=10) as line:
        line.sendall(request + head + b"x-millrace-key: a" + between + b"b\r\n\r\n" + body)
        status = int(line.recv(4096)[9:12])
    assert status in (200, 400)
    if status == 200:
        (record,) = serving.receiver.of(name)
        assert access.read(access.written(record))
        assert record["key"] in ("a\tb", "a b", "ab", "a")


def test_an_event_time_without_an_offset_is_in_the_endpoints_zone(serving):
    name = serving.endpoint(timezone="Europe/Berlin")
    assert serving.rollout(name, 2)["state"] == "promoted"
    for text in ("2015-07-01", "2015-07-01T00:00:00", "2015-06-30T22:00:00Z"):
        answer = serving.predict(name, event_time=text)
        assert answer.status_code == 200, answer.text
        record = serving.receiver.of(answer.json()["request_id"])[0]
        assert record["event_time"].startswith("2015-06-30T22:00:00")


@pytest.mark.parametrize("binary", [True, False])
def test_an_unchanged_triton_client_works(serving, endpoint, binary):
    client = triton.InferenceServerClient(serving.gateway()["inference_url"].removeprefix("http://"))
    assert client.is_server_live()
    assert client.is_model_ready(endpoint)
    assert [item["name"] for item in client.get_model_metadata(endpoint)["inputs"]] == [
        "distance",
        "origin",
        "departed",
    ]
    inputs = [
        triton.InferInput("distance", [2, 1], "FP32"),
        triton.InferInput("origin", [2, 1], "BYTES"),
        triton.InferInput("departed", [2, 1], "INT64"),
    ]
    values = (
        np.float32([[10], [20]]),
        np.array([["EWR"], ["nowhere é"]], dtype=object),
        np.int64([[0], [1]]),
    )
    for item, value in zip(inputs, values, strict=True):
        item.set_data_from_numpy(value, binary_data=binary)
    outputs = [triton.InferRequestedOutput("prediction", binary_data=binary)]
    headers = {"x-millrace-key": "k", "x-request-id": f"client-{binary}"}
    answer = client.infer(endpoint, inputs, outputs=outputs, headers=headers)
    assert answer.as_numpy("prediction").tolist() == [[27.0], [40.0]]
    record = serving.receiver.of(f"client-{binary}")[0]
    assert (record["request_json_length"] == "-") is not binary
    client.close()


def test_bodies_over_the_limit_pass_and_are_named_as_not_logged(serving, endpoint):
    rows = 1000
    columns = {
        "distance": ("FP32", np.ones(rows, np.float32)),
        "origin": ("BYTES", np.array(["x" * 5000] * rows, dtype=object)),
        "departed": ("INT64", np.zeros(rows, np.int64)),
    }
    body, headers = oip.encode(columns)
    assert len(body) > 5_000_000
    url = f"{serving.gateway()['inference_url']}/v2/models/{endpoint}/infer"
    answer = httpx.post(url, content=body, headers=headers | {"x-request-id": "large"}, timeout=10)
    assert answer.status_code == 200
    record = serving.receiver.of("large")[0]
    assert (record["request_skipped"], record["request"]) == ("size", "-")
    assert record["response"] != "-"


def test_one_bad_request_in_a_batch_harms_no_other(serving, endpoint):
    columns = {
        "distance": ("FP32", np.ones(1, np.float32)),
        "departed": ("INT64", np.zeros(1, np.int64)),
    }
    url = f"{serving.gateway()['inference_url']}/v2/models/{endpoint}/infer"
    body, headers = oip.encode(columns)
    assert httpx.post(url, content=body, headers=headers).status_code == 400
    assert serving.predict(endpoint).status_code == 200


def test_the_gateway_gives_no_way_to_triton_itself(serving, endpoint):
    url = serving.gateway()["inference_url"]
    for path in (
        "/v2/repository/index",
        f"/v2/models/{endpoint}--r1/infer",
        f"/v2/models/{endpoint}/config",
        "/v2/systemsharedmemory/status",
        f"/v2/models/{endpoint}%2f..%2f..%2frepository",
    ):
        assert httpx.post(url + path, json={}).status_code in (400, 404), path
    hostile = httpx.get(f"{url}/v2/health/live", headers={"host": "evil.example"})
    assert hostile.status_code == 404


def test_tritons_admin_interface_needs_the_secret(serving, endpoint):
    port = (
        serving.client.get("/v1/gateway")
        and __import__("json").loads((serving.home / "serving" / "ports.json").read_text())["triton_port"]
    )
    answer = httpx.post(f"http://127.0.0.1:{port}/v2/repository/models/{endpoint}--r1/unload", json={})
    assert answer.status_code == 403
    assert serving.predict(endpoint).status_code == 200


def settled(serving, least=0):
    """What the gateway has counted, once *least* records are written and a look later nothing is added."""
    deadline, last = time.monotonic() + 30, None
    while time.monotonic() < deadline:
        counts = serving.gateway()
        if counts == last and counts["logs_written"] >= least:
            return counts
        last = counts
        time.sleep(0.3)
    raise AssertionError(f"the counts do not come to rest: {last}")


def test_counters_say_requests_and_records(serving, endpoint):
    before = settled(serving)
    for _ in range(5):
        answer = serving.predict(endpoint)
        serving.receiver.of(answer.json()["request_id"])
    after = settled(serving, before["logs_written"] + 5)
    assert after["requests"] - before["requests"] == 5
    assert after["logs_written"] - before["logs_written"] == 5
    assert after["logs_dropped"] == before["logs_dropped"]
    metrics = serving.client.get("/metrics").text
    assert "millrace_gateway_logs_written_total" in metrics


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ({"distance": "far", "origin": "JFK", "departed": None}, "rows[0].distance"),
        ({"distance": 1, "origin": "JFK", "departed": "yesterday"}, "rows[0].departed"),
        ({"distance": 1, "origin": 1.5, "departed": None}, "rows[0].origin"),
        ({"distance": 1, "origin": "JFK"}, "rows[0].departed"),
        ({"distance": 1, "origin": "JFK", "departed": None, "colour": 1}, "rows[0].colour"),
        ({"distance": 1e300, "origin": "JFK", "departed": None}, "rows[0].distance"),
    ],
)
def test_a_wrong_value_is_named(serving, endpoint, row, where):
    answer = serving.predict(endpoint, [row])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == where


@pytest.fixture(scope="module")
def kinds(serving):
    """An endpoint whose model knows three classes."""
    name = serving.endpoint()
    candidate = {"signature": graphs.CLASSES_SIGNATURE, "graph": graphs.classes_graph()}
    rollout = serving.rollout(name, 20, golden=graphs.classes_golden(), **candidate)
    assert rollout["state"] == "promoted", rollout
    return name


def test_a_prediction_names_its_class_and_the_probability_of_each(serving, kinds):
    answer = serving.predict(kinds, [{"distance": -1.0}, {"distance": 1.0}, {"distance": None}])
    assert answer.status_code == 200, answer.text
    told, expected = answer.json(), graphs.classes_golden()["outputs"]["probabilities"]
    assert told["classes"] == ["a", "c", None]
    assert told["predictions"][:2] == pytest.approx([expected[0][0], expected[1][2]], rel=1e-5)
    assert told["predictions"][2] is None
    assert told["probabilities"][1] == pytest.approx(dict(zip("abc", expected[1], strict=True)), rel=1e-5)
    record = serving.receiver.of(told["request_id"])[0]
    sent = oip.decode(base64.b64decode(record["response"]), int(record["response_json_length"]))
    assert sent["probabilities"].shape == (3, 3)
    assert sent["class"].tolist()[:2] == ["a", "c"]


def test_a_triton_client_gets_vectors_and_texts(serving, kinds):
    client = triton.InferenceServerClient(serving.gateway()["inference_url"].removeprefix("http://"))
    asked = triton.InferInput("distance", [2, 1], "FP32")
    asked.set_data_from_numpy(np.float32([[-1], [1]]))
    answer = client.infer(kinds, [asked])
    assert answer.as_numpy("probabilities").shape == (2, 3)
    assert answer.as_numpy("class").tolist() == [[b"a"], [b"c"]]
    client.close()


def test_a_candidate_that_names_the_wrong_class_is_refused(serving, kinds):
    wrong = graphs.classes_golden()
    wrong["outputs"]["class"] = ["a", "b"]
    candidate = {"signature": graphs.CLASSES_SIGNATURE, "graph": graphs.classes_graph()}
    rollout = serving.rollout(kinds, 21, golden=wrong, **candidate)
    assert rollout["state"] == "aborted"
    assert "class is 'c' for golden row 1, expected 'b'" in rollout["reason"]


@pytest.fixture(scope="module")
def meters(serving):
    """An endpoint whose model takes a number in 64 bits."""
    name = serving.endpoint()
    candidate = {"signature": graphs.EXACT_SIGNATURE, "graph": graphs.exact_graph()}
    rollout = serving.rollout(name, 22, golden=graphs.EXACT_GOLDEN, **candidate)
    assert rollout["state"] == "promoted", rollout
    return name


def test_the_last_digits_of_large_numbers_arrive_from_rows_json_and_bytes(serving, meters):
    asked = [graphs.EXACT_CENTRE + number for number in (1, 2, 3)]
    answer = serving.predict(meters, [{"meter": int(number)} for number in asked] + [{"meter": None}])
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == [1.0, 2.0, 3.0, None]
    kept = bodies.columns(*_body(serving.receiver.of(answer.json()["request_id"])[0]), "inputs")
    assert kept.names == ("exact:meter",)
    assert tensors.numbers("exact", kept.values[0]).tolist()[:3] == asked
    client = triton.InferenceServerClient(serving.gateway()["inference_url"].removeprefix("http://"))
    for binary in (True, False):
        item = triton.InferInput("meter", [3, 1], "FP64")
        item.set_data_from_numpy(np.float64(asked).reshape(3, 1), binary_data=binary)
        headers = {"x-request-id": f"meter-{binary}"}
        assert client.infer(meters, [item], headers=headers).as_numpy("prediction").tolist() == [
            [1],
            [2],
            [3],
        ]
        kept = bodies.columns(*_body(serving.receiver.of(f"meter-{binary}")[0]), "inputs")
        assert tensors.numbers("exact", kept.values[0]).tolist() == asked
    client.close()


def test_a_tensor_in_too_few_bits_is_refused_with_the_datatype(serving, meters):
    body, headers = oip.encode({"meter": ("FP32", np.float32([1]))})
    url = f"{serving.gateway()['inference_url']}/v2/models/{meters}/infer"
    answer = httpx.post(url, content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"where": "inputs.meter", "what": "has the datatype FP32", "mend": "send FP64"}
    ]


def _body(record):
    """What was asked, and the length of its JSON head."""
    length = record["request_json_length"]
    return base64.b64decode(record["request"]), None if length == "-" else int(length)
