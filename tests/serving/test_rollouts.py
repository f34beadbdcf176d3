"""Rollouts on real Envoy and Triton: who is asked is predictable, and garbage never becomes champion."""

import time

import httpx
import pytest
import xxhash

from . import graphs

DAY = 86400
PLAN = {
    "mirror": {"percent": 100, "seconds": DAY},
    "canary": [{"percent": 10, "seconds": DAY}, {"percent": 30, "seconds": DAY}],
}
KEYS = [f"customer-{number}" for number in range(150)]


@pytest.fixture
def endpoint(serving):
    name = serving.endpoint()
    assert serving.rollout(name, 2)["state"] == "promoted"
    return name


def arms(name, **faults):
    """What monitoring would tell: both revisions healthy, but for *faults* of the candidate."""
    healthy = {
        "requests": 100,
        "keys": 100,
        "failed_keys": 0,
        "slow_keys": 0,
        "rows": 100,
        "nan": 0,
        "constant": False,
    }
    candidate = healthy | {"revision": f"{name}--r2", "listener": "inference"} | faults
    stable = healthy | {"revision": f"{name}--r1", "listener": "inference"}
    return {"revisions": [stable, candidate], "mirrored": {"pairs": 0, "pairings": []}}


def who_answers(serving, name, keys=KEYS):
    """Revision by sticky key, as the response header says."""
    found = {}
    url = f"{serving.gateway()['inference_url']}/v2/models/{name}/infer"
    body = {
        "inputs": [
            {"name": "distance", "datatype": "FP32", "shape": [1, 1], "data": [1.0]},
            {"name": "origin", "datatype": "BYTES", "shape": [1, 1], "data": ["EWR"]},
            {"name": "departed", "datatype": "INT64", "shape": [1, 1], "data": [0]},
        ]
    }
    with httpx.Client(trust_env=False) as client:
        for key in keys:
            answer = client.post(url, json=body, headers={"x-millrace-key": key})
            assert answer.status_code == 200, answer.text
            found[key] = answer.headers["x-millrace-revision"]
    return found


def canary_keys(name, rollout, percent):
    """The keys that Envoy must send to the canary: its split is a hash that anyone can compute."""
    cut = 10_000 - round(percent * 100)
    return {key for key in KEYS if xxhash.xxh64_intdigest(f"{name}/{rollout}|{key}".encode()) % 10_000 >= cut}


def test_mirror_then_growing_canary_then_champion(serving, endpoint):
    rollout = serving.rollout(endpoint, 3, plan=PLAN)
    assert rollout["state"] == "mirroring", rollout
    answer = serving.predict(endpoint, key="k").json()
    assert answer["version"] == 2
    pair = serving.receiver.of(answer["request_id"], count=2)
    assert {item["listener"]: item["revision"] for item in pair} == {
        "inference": f"{endpoint}--r1",
        "shadow": f"{endpoint}--r2",
    }
    assert {item["endpoint"] for item in pair} == {endpoint}
    assert pair[0]["request"] == pair[1]["request"]

    serving.neighbours.arms[endpoint] = arms(endpoint)
    early = serving.advance(endpoint, "2013-03-01T12:00:00Z")
    assert early["rollout"]["state"] == "mirroring"
    first = serving.advance(endpoint, "2013-03-02T00:00:00Z")
    assert (first["rollout"]["state"], first["rollout"]["step"]) == ("canary", 1)
    again = serving.advance(endpoint, "2013-03-02T00:00:00Z")
    assert again == first
    at_10 = {key for key, name in who_answers(serving, endpoint).items() if name.endswith("--r2")}
    assert at_10 == canary_keys(endpoint, 2, 10)
    serving.advance(endpoint, "2013-03-03T00:00:00Z")
    at_30 = {key for key, name in who_answers(serving, endpoint).items() if name.endswith("--r2")}
    assert at_30 == canary_keys(endpoint, 2, 30)
    assert at_10 < at_30

    done = serving.advance(endpoint, "2013-03-04T00:00:00Z")
    assert done["rollout"]["state"] == "promoted"
    assert done["stable_version"] == 3
    assert set(who_answers(serving, endpoint, KEYS[:20]).values()) == {f"{endpoint}--r2"}
    kinds = [item["kind"] for item in serving.neighbours.decisions if item["subject"].startswith(endpoint)]
    deadline = time.monotonic() + 60
    while "rollout.promoted" not in kinds[3:] and time.monotonic() < deadline:
        time.sleep(0.1)
        kinds = [d["kind"] for d in serving.neighbours.decisions if d["subject"].startswith(endpoint)]
    steps = ["rollout.step"] * 3
    assert kinds == ["rollout.started", "rollout.promoted", "rollout.started", *steps, "rollout.promoted"]


def test_a_rollout_says_that_models_of_other_classes_were_not_compared(serving):
    name = serving.endpoint()
    two, three = (graphs.SIGNATURE | {"classes": classes} for classes in (["a", "b"], ["a", "b", "c"]))
    serving.rollout(name, 2, signature=two)
    serving.rollout(name, 3, signature=three, plan={"mirror": {"percent": 100, "seconds": DAY}})
    serving.neighbours.arms[name] = arms(name)
    done = serving.advance(name, "2013-03-02T00:00:00Z")["rollout"]
    assert done["state"] == "promoted"
    assert "every step was passed; it answers for 3 classes, the stable version for 2" in done["reason"]
    assert "it also knows c" in done["reason"]


def test_rollback_is_a_route_change_bit_for_bit(serving, endpoint):
    rows = [{"distance": 0.1 * n, "origin": "EWR", "departed": None} for n in range(50)]
    before = serving.predict(endpoint, rows).json()["predictions"]
    assert serving.rollout(endpoint, 3)["state"] == "promoted"
    assert serving.predict(endpoint, rows).json()["predictions"] != before
    placed = serving.home / "serving/triton/models" / f"{endpoint}--r1" / "config.pbtxt"
    loaded = placed.stat().st_mtime_ns
    body = {"version": 2, "reason": "worse", "event_time": "2013-04-01T00:00:00Z", "key": "r1"}
    answer = serving.client.post(f"/v1/endpoints/{endpoint}:rollback", json=body)
    assert answer.json()["stable_version"] == 2
    assert serving.predict(endpoint, rows).json()["predictions"] == before
    assert placed.stat().st_mtime_ns == loaded, "it was loaded anew"
    repeated = serving.client.post(f"/v1/endpoints/{endpoint}:rollback", json=body)
    assert repeated.json()["stable_version"] == 2
    other = serving.client.post(f"/v1/endpoints/{endpoint}:rollback", json=body | {"version": 3})
    assert other.status_code == 409
    back = serving.client.post(f"/v1/endpoints/{endpoint}:rollback", json={"reason": "undo", "key": "r2"})
    assert back.json()["stable_version"] == 3


GARBAGE = {
    "does not load": ({"graph": graphs.graph(3.0, unknown_op=True)}, "Triton does not load it"),
    "is no graph": ({"graph": b"not a graph"}, "Triton does not load it"),
    "answers NaN": ({"graph": graphs.graph(3.0, nan=True)}, "not a finite number"),
    "wrong golden row": ({"golden": graphs.golden(4.0)}, "for golden row 0, expected 405"),
    "wrong signature": (
        {"signature": graphs.SIGNATURE | {"inputs": [*graphs.SIGNATURE["inputs"][:2], graphs.WRONG_TIME]}},
        "its signature differs in departed",
    ),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_never_becomes_champion(serving, endpoint, kind):
    what, words = GARBAGE[kind]
    rollout = serving.rollout(endpoint, 3, plan=PLAN, **what)
    assert rollout["state"] == "aborted"
    assert words in rollout["reason"]
    state = serving.client.get(f"/v1/endpoints/{endpoint}").json()
    assert state["stable_version"] == 2
    assert state["revisions"][1]["state"] == "failed"
    assert serving.predict(endpoint).json()["version"] == 2


def test_the_first_version_must_fit_its_graph_too(serving):
    name = serving.endpoint()
    wrong = graphs.SIGNATURE | {"inputs": [*graphs.SIGNATURE["inputs"][:2], graphs.WRONG_TIME]}
    rollout = serving.rollout(name, 2, signature=wrong)
    assert rollout["state"] == "aborted"
    assert "the signature does not fit the graph" in rollout["reason"]


def test_bytes_that_are_not_the_registered_ones_are_refused(serving, endpoint):
    digest = serving.neighbours.register("air-time", 7, graphs.graph(7.0))
    serving.neighbours.artifacts[digest] = graphs.graph(8.0)
    body = {
        "key": "swapped",
        "model": "air-time",
        "version": 7,
        "signature": graphs.SIGNATURE,
        "files": {"model.onnx": digest},
        "golden": graphs.golden(7.0),
        "plan": {"canary": []},
    }
    made = serving.client.post(f"/v1/endpoints/{endpoint}/rollouts", json=body).json()
    path = f"/v1/endpoints/{endpoint}/rollouts/{made['id']}"
    rollout = serving.client.get(path, params={"wait": 20}).json()
    assert rollout["state"] == "aborted"
    assert "the registry sent" in rollout["reason"]


FAULTS = {
    "NaN": ({"nan": 1}, "1 of 100 answers are not finite"),
    "constant": ({"constant": True}, "all 100 answers are the same value"),
    "errors": ({"failed_keys": 9}, "it failed for 9 of 100 keys"),
    "slow": ({"slow_keys": 12}, "it was too slow for 12 of 100 keys"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_hard_fault_takes_the_canary_back_without_being_asked(serving, endpoint, kind):
    fault, words = FAULTS[kind]
    plan = {"canary": [{"percent": 20, "seconds": DAY}]}
    assert serving.rollout(endpoint, 3, plan=plan)["state"] == "canary"
    serving.neighbours.arms[endpoint] = arms(endpoint, **fault)
    deadline = time.monotonic() + 60
    state = {}
    while time.monotonic() < deadline and (state.get("rollout") or {}).get("state") != "aborted":
        state = serving.client.get(f"/v1/endpoints/{endpoint}").json()
        time.sleep(0.05)
    assert words in state["rollout"]["reason"]
    assert set(who_answers(serving, endpoint, KEYS[:40]).values()) == {f"{endpoint}--r1"}
    assert serving.advance(endpoint, "2013-05-01T00:00:00Z")["stable_version"] == 2


def test_the_same_trigger_twice_is_one_rollout_and_two_at_once_are_refused(serving, endpoint):
    plan = {"canary": [{"percent": 20, "seconds": DAY}]}
    one = serving.rollout(endpoint, 3, plan=plan)
    assert serving.rollout(endpoint, 3, plan=plan)["id"] == one["id"]
    body = serving.client.post(f"/v1/endpoints/{endpoint}/rollouts", json={"key": "x"})
    assert body.status_code == 422
    with pytest.raises(AssertionError, match="409"):
        serving.rollout(endpoint, 4, plan=plan)
    aborted = serving.client.post(
        f"/v1/endpoints/{endpoint}/rollouts/{one['id']}:abort", json={"reason": "changed my mind"}
    )
    assert aborted.json()["state"] == "aborted"
    assert serving.rollout(endpoint, 4, plan=plan)["state"] == "canary"


def test_what_is_not_retained_is_unloaded_and_cannot_be_rolled_back_to(serving, endpoint):
    serving.rollout(endpoint, 3)
    serving.rollout(endpoint, 4)
    kept = serving.client.post(f"/v1/endpoints/{endpoint}:retain", json={"versions": [3]}).json()
    assert [item["state"] for item in kept["revisions"]] == ["retired", "ready", "ready"]
    gone = {"version": 2, "reason": "back", "key": "gone"}
    assert serving.client.post(f"/v1/endpoints/{endpoint}:rollback", json=gone).status_code == 409
    deadline = time.monotonic() + 60
    while (serving.home / "serving/triton/models" / f"{endpoint}--r1").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert serving.client.delete(f"/v1/endpoints/{endpoint}").status_code == 204
    assert serving.client.get(f"/v1/endpoints/{endpoint}").status_code == 404
    url = f"{serving.gateway()['inference_url']}/v2/models/{endpoint}/infer"
    assert httpx.post(url, json={}).status_code == 404
