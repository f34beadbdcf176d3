"""Inference over gRPC through the gateway's Service: the published client unchanged, a canary, the log, refusals.

The test image's Triton (24.10) answers, whose gRPC server may crash when a client goes away: here they stay.
"""

import contextlib
import time
from collections import Counter

import numpy as np
import pytest
import tritonclient.grpc as triton
from tests.cluster import test_story as story
from tests.cluster.test_waiting import loop

pytestmark = pytest.mark.timeout(1800)
TEAM, LOOP = story.TEAM, "calls"
NAME = f"{TEAM}.{LOOP}"
DAY = "2026-03-10"
CANARY = "  rollout: {canary: [{percent: 30, for: 5000d}]}\n"
"""A step that no test ends; the first version, which has nothing beside it, goes without."""
LABELS = f"""
import json, sys
from datetime import UTC, datetime, timedelta
from millrace.client import Millrace
from millrace_contracts.labels import LabelWrite
client, at = Millrace.from_environment({TEAM!r}), datetime(2026, 3, 10, 12, tzinfo=UTC)
truths = [LabelWrite(request_id=name, index=0, value=1, at=at) for name in sys.argv[1:]]
print(client.monitoring.push_labels({LOOP!r}, truths, at + timedelta(days=3)).model_dump_json())
"""
KEY = f"""
import json, secrets
from millrace.client import Millrace
from millrace_contracts.keys import KeyWrite
wanted = KeyWrite(name="calls-" + secrets.token_hex(3), endpoints=[{LOOP!r}])
print(json.dumps(Millrace.from_environment({TEAM!r}).serving.make_key(wanted).key))
"""
REST = f"""
import json, sys
from millrace.client import Millrace
client = Millrace.from_environment({TEAM!r})
row = {{"size": 22.0, "texture": 19.0, "kind": "a"}}
print(json.dumps([client.serving.predict({LOOP!r}, [row], key=key).model_dump(mode="json") for key in sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def opened(kube, release):
    """An endpoint with a champion and a canary of 30 %."""
    kube.apply(loop(LOOP, "{search: {trials: 2}, folds: 3}") + CANARY, TEAM)
    kube.until("the loop is taken up", 90, lambda: (story.loop(kube, LOOP).get("status") or {}).get("phase"))
    story.feed(release, LOOP)
    kube.until("a champion", 600, lambda: story.champion(kube, LOOP), release.namespace)
    release.call(f"client.controller.retrain({LOOP!r})", TEAM)
    kube.until("a canary", 600, lambda: canary(kube), release.namespace)
    yield release
    kube.kubectl("delete", "modelloop", LOOP, "-n", TEAM, "--ignore-not-found", timeout=10)


def canary(kube):
    """Whether the second version answers its share."""
    return ((story.loop(kube, LOOP).get("status") or {}).get("candidate") or {}).get("weight") == 30


class Shown(triton.InferenceServerClientPlugin):
    """Shows a key with every call."""

    def __init__(self, key):
        self.key = key

    def __call__(self, request):
        request.headers["authorization"] = f"Bearer {self.key}"


@pytest.fixture(scope="module")
def client(kube, opened):
    with (
        kube.forwarded("service/millrace-gateway", opened.namespace, 8001) as port,
        triton.InferenceServerClient(f"127.0.0.1:{port}") as made,
    ):
        made.register_plugin(Shown(opened.python(KEY)))
        yield made


def test_a_call_without_a_key_is_unauthenticated(client, kube, opened):
    with (
        kube.forwarded("service/millrace-gateway", opened.namespace, 8001) as port,
        triton.InferenceServerClient(f"127.0.0.1:{port}") as bare,
    ):
        status, words = refused(lambda: bare.infer(NAME, row()))
        assert (status, "millrace keys create" in words) == ("UNAUTHENTICATED", True)
    assert refused(lambda: client.infer("nobody", row()))[0] == "NOT_FOUND"


def row(size=22.0, texture=19.0, kind="a"):
    made = [triton.InferInput("size", [1, 1], "FP32"), triton.InferInput("texture", [1, 1], "FP32")]
    for item, value in zip(made, (size, texture), strict=True):
        item.set_data_from_numpy(np.float32([[value]]))
    made.append(triton.InferInput("kind", [1, 1], "BYTES"))
    made[-1].set_data_from_numpy(np.array([[kind]], dtype=object))
    return made


def asked(client, key, name, **more):
    headers = {"x-millrace-key": key, "x-request-id": name, "x-millrace-event-time": f"{DAY}T07:00:00Z"}
    return client.infer(NAME, row(), headers=headers, **more)


def refused(call):
    with pytest.raises(triton.InferenceServerException) as error:
        call()
    return error.value.status().removeprefix("StatusCode."), error.value.message()


def test_health_and_metadata_are_those_of_the_endpoint(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(NAME)
    names = [item.name for item in client.get_model_metadata(NAME).inputs]
    assert sorted(names) == ["kind", "size", "texture"]


def test_calls_are_split_by_their_key_as_over_rest_and_answered_alike(client, opened):
    sides = {}
    for number in range(100):
        sides[f"customer-{number}"] = asked(client, f"customer-{number}", f"split-{number}")
    counts = Counter(answer.get_response().model_name for answer in sides.values())
    assert set(counts) == {f"{NAME}--r1", f"{NAME}--r2"}
    assert 10 <= counts[f"{NAME}--r2"] <= 50
    keys = list(sides)[:20]
    rest = opened.python(REST, *keys)
    assert [item["revision"] for item in rest] == [sides[key].get_response().model_name for key in keys]
    ours = [float(sides[key].as_numpy("probability").ravel()[0]) for key in keys]
    assert ours == pytest.approx([item["predictions"][0] for item in rest])


def test_both_messages_are_kept_and_a_day_is_closed_by_labels(client, opened, kube):
    names = [f"labelled-{number}" for number in range(12)]
    for name in names:
        asked(client, name, name)
    told = kube.until("the rows are kept", 60, lambda: _matched(opened, names), opened.namespace)
    assert (told["matched"], told["refused"]) == (12, 0), told
    closed = kube.until(
        "the day is closed",
        60,
        lambda: [
            day for day in opened.call(f"client.monitoring.closings({LOOP!r})", TEAM) if day["day"] == DAY
        ],
        opened.namespace,
    )
    assert closed[0]["rows"] >= 12, closed


def _matched(opened, names):
    told = opened.python(LABELS, *names)
    return told if told["unmatched"] == 0 else None


def test_what_cannot_be_taken_is_refused_with_its_status_and_words(client):
    long = row(kind="a" * 5000)  # what would not become smaller is sent as it is
    status, words = refused(lambda: client.infer(NAME, long, compression_algorithm="gzip"))
    assert (status, "compressed" in words) == ("UNIMPLEMENTED", True)
    status, words = refused(lambda: client.infer("nobody", row()))
    assert (status, "that of its endpoint" in words) == ("NOT_FOUND", True)
    assert refused(lambda: client.infer(f"{NAME}--r1", row()))[0] == "NOT_FOUND"
    wide = triton.InferInput("size", [1, 1], "FP64")
    wide.set_data_from_numpy(np.float64([[1]]))
    status, words = refused(lambda: client.infer(NAME, [wide, *row()[1:]]))
    assert (status, words) == ("INVALID_ARGUMENT", "inputs.size has the datatype FP64; send FP32.")
    assert refused(client.get_model_repository_index)[0] == "UNIMPLEMENTED"


def test_only_what_is_not_the_clients_fault_counts_as_failed(client, opened, kube):
    before = opened.call("client.serving.gateway()", TEAM)
    for _ in range(3):
        refused(lambda: client.infer("nobody", row()))
    for pod in opened.names("triton"):
        kube.kubectl(
            "delete", "pod", pod, "-n", opened.namespace, "--force", "--grace-period=0", "--wait=false"
        )
    statuses, deadline = Counter(), time.monotonic() + 60
    while statuses["UNAVAILABLE"] < 5 and time.monotonic() < deadline:
        number = statuses.total()
        try:
            asked(client, f"gone-{number}", f"gone-{number}")
            statuses["OK"] += 1
        except triton.InferenceServerException as error:
            statuses[error.status().removeprefix("StatusCode.")] += 1
    ends = "a Triton that is ended at once unloads first, and says so with NOT_FOUND"
    assert set(statuses) <= {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED", "NOT_FOUND"}, ends
    failed = statuses["UNAVAILABLE"] + statuses["DEADLINE_EXCEEDED"]
    assert failed, "pods that are gone answered"
    print("\n", dict(statuses))
    after = {}

    def counted():
        after.update(opened.call("client.serving.gateway()", TEAM))
        return after["failed"] - before["failed"] >= failed

    kube.until("they are counted", 30, counted, opened.namespace)
    assert after["failed"] - before["failed"] == failed
    with contextlib.suppress(AssertionError):
        kube.until("the pods are back", 120, opened.ready, opened.namespace)
