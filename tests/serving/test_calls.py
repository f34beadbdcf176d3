"""Inference over gRPC through a real Envoy, with the published client; a strict stand-in answers in Triton's place."""

import asyncio
import collections
import contextlib
import random
import re
import struct
import time
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
import xxhash
from tritonclient.grpc import service_pb2 as oip

from millrace_contracts import access
from millrace_monitoring.ingest import records, tensors
from millrace_serving.envoy.counters import EnvoyAdmin
from millrace_serving.envoy.grpc import LONGEST, SERVICE
from millrace_serving.envoy.manifests import Split, Ways
from millrace_serving.planes.local import NO_GRPC

from .calls import Door, StandIn

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "grpc.md"
ORIGINS = np.array([["EWR"], ["nowhere é"]], dtype=object)


def split(*arms, mirror=None):
    return Split("team", "fraud", "team.fraud", arms, "fraud/1", mirror)


@pytest.fixture(scope="module")
def stand_in():
    server = StandIn({"team.fraud--r1": 1.0, "team.fraud--r2": 2.0})
    yield server
    server.close()


@pytest.fixture(scope="module")
def ways(stand_in):
    return Ways(
        lambda _: ("127.0.0.1", 1), ("*",), 5.0, grpc=lambda _: ("127.0.0.1", stand_in.port), no_grpc=NO_GRPC
    )


@pytest.fixture(scope="module")
def door(tmp_path_factory, ways):
    made = Door(tmp_path_factory.mktemp("calls"))
    made.discovery.publish(list(REVISIONS), [split(("team.fraud--r1", 9000), ("team.fraud--r2", 1000))], ways)
    made.wait()
    yield made
    assert made.process.poll() is None, "Envoy has ended"
    assert set(made.stats("lua.errors$").values()) == {0}
    made.close()


REVISIONS = ("team.fraud--r1", "team.fraud--r2")


@pytest.fixture
def client(door):
    with triton.InferenceServerClient(door.address) as client:
        yield client


def inputs(distance=((10,), (20,)), origin=ORIGINS):
    rows = len(distance)
    values = {
        "distance": ("FP32", np.float32(distance)),
        "origin": ("BYTES", origin),
        "departed": ("INT64", np.arange(rows).reshape(rows, 1)),
    }
    made = []
    for name, (datatype, value) in values.items():
        item = triton.InferInput(name, list(value.shape), datatype)
        item.set_data_from_numpy(value)
        made.append(item)
    return made


def refused(call):
    """The status and the words with which a call is refused."""
    with pytest.raises(triton.InferenceServerException) as error:
        call()
    return error.value.status().removeprefix("StatusCode."), error.value.message()


def told(door, request_id):
    """The log record of a call as monitoring reads it."""
    (logged,) = door.receiver.of(request_id)
    return records.record(access.read(access.written(logged)), logged["at"])


@pytest.fixture(scope="module")
def plain(door):
    with httpx.Client(base_url=f"http://{door.address}", trust_env=False) as made:
        yield made


def raw(plain, body, method="ModelInfer", frame=None):
    """Send bytes as a message, over HTTP/1.1 so that any can be sent; the headers of the answer."""
    frame = b"\0" + struct.pack(">I", len(body)) if frame is None else frame
    headers = {"content-type": "application/grpc", "te": "trailers"}
    answer = plain.post(f"{SERVICE}{method}", content=iter([frame + body]), headers=headers)
    assert answer.status_code == 200
    return answer.headers


def test_the_published_client_gets_predictions_health_and_metadata_by_the_endpoints_name(client, stand_in):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("team.fraud")
    names = [item.name for item in client.get_model_metadata("team.fraud").inputs]
    assert names == ["distance", "origin", "departed"], "packed forms are not told"
    answer = client.infer("team.fraud", inputs(), request_id="mine", headers={"x-millrace-key": "k1"})
    assert answer.get_response().id == "mine"
    request, metadata = stand_in.asked[-1]
    assert request.model_name in REVISIONS
    assert request.model_name == answer.get_response().model_name
    assert metadata["x-millrace-key"] == "k1"
    assert metadata["x-millrace-endpoint"] == "team.fraud"


def test_calls_are_split_by_key_as_requests_over_rest_are(client):
    counts = collections.Counter()
    for number in range(300):
        key = f"user-{number}"
        answer = client.infer("team.fraud", inputs(), headers={"x-millrace-key": key})
        place = xxhash.xxh64_intdigest(f"fraud/1|{key}".encode()) % 10_000
        wanted = REVISIONS[0 if place < 9000 else 1]
        assert answer.get_response().model_name == wanted
        counts[wanted] += 1
    assert 10 <= counts[REVISIONS[1]] <= 60
    assert sum(counts.values()) == 300


def test_both_messages_are_logged_and_monitoring_reads_their_rows(client, door):
    headers = {
        "x-request-id": "logged",
        "x-millrace-key": "k",
        "x-millrace-event-time": "2013-03-10T07:00:00Z",
    }
    answer = client.infer("team.fraud", inputs(), headers=headers).as_numpy("prediction").ravel()
    record = told(door, "logged")
    assert (record.project, record.endpoint, record.key, record.fault) == ("team", "fraud", "k", "")
    assert record.revision in REVISIONS
    assert record.event_time.isoformat() == "2013-03-10T07:00:00+00:00"
    assert record.predictions.tolist() == answer.tolist()
    kept = dict(zip(record.features.names, record.features.values, strict=True))
    assert tensors.numbers("number", kept["number:distance"]).tolist() == [10, 20]
    assert kept["text:origin"] == ["EWR", "nowhere é"]


@pytest.mark.parametrize(
    ("code", "status", "failed"),
    [("INTERNAL", 500, True), ("UNAVAILABLE", 503, True), ("INVALID_ARGUMENT", 400, False)],
)
def test_an_error_that_is_http_200_is_told_as_the_error_that_it_is(
    client, door, stand_in, code, status, failed
):
    stand_in.fault = (grpc.StatusCode[code], "as told")
    try:
        headers = {"x-request-id": f"fault-{code}"}
        assert refused(lambda: client.infer("team.fraud", inputs(), headers=headers)) == (code, "as told")
    finally:
        stand_in.fault = None
    record = told(door, f"fault-{code}")
    assert (record.status, record.fault, record.rows) == (status, "http", 0)
    assert (record.status >= 500) is failed


@pytest.mark.parametrize("early", [False, True])
def test_a_message_that_does_not_fit_is_told_its_column_and_the_remedy(client, door, stand_in, early):
    """Whether the error comes in headers alone, or after them in trailers."""
    _, origin, departed = inputs()
    far = triton.InferInput("distance", [2, 1], "FP64")
    far.set_data_from_numpy(np.float64([[1], [2]]))
    headers = {"x-request-id": f"misfit-{early}"}
    stand_in.early = early
    try:
        status, words = refused(lambda: client.infer("team.fraud", [far, origin, departed], headers=headers))
    finally:
        stand_in.early = False
    assert (status, words) == ("INVALID_ARGUMENT", "inputs.distance has the datatype FP64; send FP32.")
    record = told(door, f"misfit-{early}")
    assert (record.status, record.revision in REVISIONS) == (400, True)
    colour = triton.InferInput("Farbe ü", [2, 1], "BYTES")
    colour.set_data_from_numpy(ORIGINS)
    status, words = refused(lambda: client.infer("team.fraud", [*inputs(), colour]))
    assert (status, words) == (
        "INVALID_ARGUMENT",
        "inputs.Farbe ü is not an input of the model; leave it out.",
    )


async def test_failed_calls_and_no_others_are_among_the_gateways_failures(client, door, plain, stand_in):
    admin = EnvoyAdmin(door.admin)
    before = await admin.counts()
    client.infer("team.fraud", inputs())
    plain.get("/v2/health/live")
    plain.post("/v2/models/nobody/infer", json={})
    for code in ("INTERNAL", "UNAVAILABLE", "INVALID_ARGUMENT"):
        stand_in.fault = (grpc.StatusCode[code], "as told")
        refused(lambda: client.infer("team.fraud", inputs()))
    stand_in.fault = None
    refused(lambda: client.infer("nobody", inputs()))
    async with asyncio.timeout(10):
        while (after := await admin.counts())["requests"] - before["requests"] < 7:
            await asyncio.sleep(0.05)
    await admin.close()
    assert after["failed"] - before["failed"] == 2


async def test_requests_are_counted_by_the_revision_to_which_they_went(client, door):
    admin = EnvoyAdmin(door.admin)
    before = await admin.asked()
    for _ in range(3):
        client.infer("team.fraud", inputs())
    async with asyncio.timeout(10):
        while sum((after := await admin.asked()).values()) - sum(before.values()) < 3:
            await asyncio.sleep(0.05)
    await admin.close()
    assert set(after) <= {*REVISIONS, "team.fraud--r9"}
    assert sum(after.values()) - sum(before.values()) == 3


def test_a_revision_that_is_not_there_is_a_failure(client, door, ways):
    gone = Ways(ways.triton, ways.hosts, 1.0, retries=0, grpc=lambda _: ("127.0.0.1", 1))
    door.discovery.publish(["team.fraud--r9", *REVISIONS], [split(("team.fraud--r9", 10_000))], gone)
    try:
        status, _ = refused(lambda: client.infer("team.fraud", inputs(), headers={"x-request-id": "gone"}))
        assert status == "UNAVAILABLE"
        assert (told(door, "gone").status, told(door, "gone").revision) == (503, "team.fraud--r9")
    finally:
        door.discovery.publish(list(REVISIONS), [split((REVISIONS[0], 9000), (REVISIONS[1], 1000))], ways)


@pytest.mark.parametrize("name", ["nobody", "fraud", "team.fraud--r1", "", "é", "a" * 5000])
def test_an_unknown_name_is_not_found_and_told_how_names_are_made(client, name):
    for call in (client.is_model_ready, client.get_model_metadata, lambda name: client.infer(name, inputs())):
        status, words = refused(lambda call=call: call(name))
        assert status == "NOT_FOUND"
        assert "that of its endpoint" in words


def test_a_header_of_the_client_chooses_no_endpoint(client):
    headers = {"x-millrace-endpoint": "team.fraud"}
    assert refused(lambda: client.infer("nobody", inputs(), headers=headers))[0] == "NOT_FOUND"


def test_the_how_to_says_what_is_so(door, ways, stand_in, capsys, monkeypatch):
    monkeypatch.setenv("KEY", "any")
    (code,) = re.findall(r"```python\n(.*?)```", HOWTO.read_text(), re.DOTALL)
    stand_in.models["flights--r1"] = 2.0
    flights = Split("default", "flights", "flights", (("flights--r1", 10_000),), "flights/1")
    door.discovery.publish(["flights--r1"], [flights], ways)
    try:
        exec(code.replace("millrace-gateway.millrace.svc:8001", door.address))
    finally:
        door.discovery.publish(list(REVISIONS), [split((REVISIONS[0], 9000), (REVISIONS[1], 1000))], ways)
    assert capsys.readouterr().out.split() == ["[[200.]", "[500.]]"]


def test_compressed_messages_are_refused_with_the_reason(client, door):
    many = inputs(np.ones((1000, 1)), np.array([["x" * 50]] * 1000, dtype=object))
    headers = {"x-request-id": "squeezed"}
    status, words = refused(
        lambda: client.infer("team.fraud", many, headers=headers, compression_algorithm="gzip")
    )
    assert status == "UNIMPLEMENTED"
    assert "compressed" in words
    assert door.receiver.of("squeezed")[0]["grpc_status"] == "12"


def test_streams_are_refused_at_once_with_the_reason(client, door):
    errors = []
    client.start_stream(lambda result, error: errors.append(error))
    with contextlib.suppress(triton.InferenceServerException):
        client.async_stream_infer("team.fraud", inputs())
    deadline = time.monotonic() + 10
    while not errors and time.monotonic() < deadline:
        time.sleep(0.01)
    client.stop_stream()
    assert errors[0].status() == "StatusCode.UNIMPLEMENTED"
    assert "ModelInfer" in errors[0].message()


@pytest.mark.parametrize(
    "call",
    [
        "get_model_repository_index",
        "get_server_metadata",
        "get_system_shared_memory_status",
        "get_log_settings",
    ],
)
def test_the_gateway_gives_no_way_to_triton_itself(client, call):
    status, words = refused(getattr(client, call))
    assert status == "UNIMPLEMENTED"
    assert "nothing else" in words


def test_a_long_message_passes_and_is_named_as_not_logged(client, door):
    long = inputs(np.ones((1000, 1)), np.array([["x" * 3000]] * 1000, dtype=object))
    answer = client.infer("team.fraud", long, headers={"x-request-id": "long"})
    assert answer.as_numpy("prediction").shape == (1000, 1)
    record = told(door, "long")
    assert (record.endpoint, record.fault, record.status) == ("fraud", "skipped", 200)


def test_a_message_over_the_limit_is_refused_with_the_limit_and_counted(client, door):
    long = inputs(np.ones((1000, 1)), np.array([["x" * 5000]] * 1000, dtype=object))
    status, words = refused(lambda: client.infer("team.fraud", long, headers={"x-request-id": "over"}))
    assert status == "RESOURCE_EXHAUSTED"
    assert str(LONGEST) in words
    assert door.receiver.of("over")[0]["details"] == "request_payload_too_large"


def test_calls_beyond_the_most_of_one_connection_wait_and_are_all_answered(client):
    answers = []
    for _ in range(250):
        client.async_infer("team.fraud", inputs(), lambda result, error: answers.append(error))
    deadline = time.monotonic() + 20
    while len(answers) < 250 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert answers == [None] * 250


def test_what_asks_for_no_prediction_is_not_in_the_log(client, door):
    for call in (client.is_server_live, client.is_server_ready):
        assert call()
    assert client.is_model_ready("team.fraud", headers={"x-request-id": "asked-about"})
    client.infer("team.fraud", inputs(), headers={"x-request-id": "after"})
    door.receiver.of("after")
    assert not [item for item in door.receiver.records if item["request_id"] == "asked-about"]
    assert not [item for item in door.receiver.records if item["listener"] == "shadow"]


def test_a_copy_reaches_the_candidate_and_both_rows_have_one_request_id(client, door, ways, stand_in):
    mirrored = split((REVISIONS[0], 10_000), mirror=(REVISIONS[1], 100.0))
    door.discovery.publish(list(REVISIONS), [mirrored], ways)
    try:
        client.infer("team.fraud", inputs(), headers={"x-request-id": "pair"})
        pair = {item["listener"]: item for item in door.receiver.of("pair", count=2)}
    finally:
        door.discovery.publish(list(REVISIONS), [split((REVISIONS[0], 9000), (REVISIONS[1], 1000))], ways)
    assert (pair["inference"]["revision"], pair["shadow"]["revision"]) == REVISIONS
    found = [records.record(access.read(access.written(item)), item["at"]) for item in pair.values()]
    assert {item.revision: item.predictions.tolist() for item in found} == {
        REVISIONS[0]: [10.0, 20.0],
        REVISIONS[1]: [20.0, 40.0],
    }


def test_a_name_that_stands_late_or_twice_in_the_message_is_read_as_protobuf_reads_it(plain, stand_in):
    whole = oip.ModelInferRequest(id="late")
    for item in inputs():
        whole.inputs.append(item._get_tensor())
        whole.raw_input_contents.append(item._get_content())
    name = oip.ModelInferRequest(model_name="team.fraud").SerializeToString()
    other = oip.ModelInferRequest(model_name="nobody").SerializeToString()
    answer = raw(plain, other + whole.SerializeToString() + name)
    assert "grpc-status" not in answer, answer
    assert stand_in.asked[-1][0].model_name in REVISIONS
    assert stand_in.asked[-1][0].id == "late"
    assert raw(plain, name + whole.SerializeToString() + other)["grpc-status"] == "5"


NAME = oip.ModelInferRequest(model_name="team.fraud").SerializeToString()
FRAMES = {
    "no frame": (b"", b""),
    "half a frame": (b"\0\0", b""),
    "a message that is longer than told": (b"\0\0\0\0\2", NAME),
    "a message that is shorter than told": (b"\0\0\0\2\0", NAME),
    "two messages": (b"\0" + struct.pack(">I", len(NAME)) + NAME + b"\0\0\0\0\0", b""),
    "a field that ends behind the message": (None, NAME + b"\x12\x7f"),
    "a group": (None, NAME + b"\x2b\x2c"),
    "field number 0": (None, NAME + b"\2\0"),
    "an endless number": (None, NAME + b"\x80" * 11),
    "a name that is a number": (None, b"\x08\1"),
    "many fields": (None, NAME + b"\x78\1" * 30_000),
}


@pytest.mark.parametrize("wrong", FRAMES)
def test_what_is_no_message_is_refused_and_reaches_no_revision(plain, stand_in, wrong):
    frame, body = FRAMES[wrong]
    before = len(stand_in.asked)
    told = raw(plain, body, frame=frame)
    assert told["grpc-status"] == "3"
    assert "message" in told["grpc-message"]
    assert len(stand_in.asked) == before


def test_whatever_bytes_come_envoy_lives_and_the_fault_is_never_the_gateways(client, plain):
    whole = oip.ModelInferRequest(model_name="team.fraud", id="fuzz")
    for item in inputs():
        whole.inputs.append(item._get_tensor())
        whole.raw_input_contents.append(item._get_content())
    good = whole.SerializeToString()
    seen = collections.Counter()
    for seed in range(400):
        chance = random.Random(seed)
        bad = bytearray(good)
        for _ in range(chance.randint(1, 8)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        bad = bytes(bad[: chance.randint(0, len(bad))] if chance.random() < 0.3 else bad)
        frame = chance.choice([None, None, None, chance.randbytes(5), chance.randbytes(chance.randrange(9))])
        seen[raw(plain, bad, frame=frame).get("grpc-status", "0")] += 1
    assert set(seen) <= {"0", "3", "5", "12"}, seen
    assert client.infer("team.fraud", inputs()).as_numpy("prediction") is not None


@pytest.fixture
def laptop(tmp_path, stand_in):
    """A gateway that takes no gRPC."""
    made = Door(tmp_path, grpc=False)
    made.discovery.publish(
        list(REVISIONS),
        [split((REVISIONS[0], 10_000))],
        Ways(lambda _: ("127.0.0.1", 1), ("127.0.0.1",), 5.0, no_grpc=NO_GRPC),
    )
    made.wait()
    yield made
    made.close()


def test_a_laptop_refuses_every_call_with_the_reason_and_what_to_do(laptop):
    with triton.InferenceServerClient(laptop.address) as client:
        for call in (client.is_server_live, lambda: client.infer("team.fraud", inputs())):
            status, words = refused(call)
            assert status == "UNIMPLEMENTED"
            assert "A laptop takes no gRPC" in words
            assert "tritonclient.http" in words
