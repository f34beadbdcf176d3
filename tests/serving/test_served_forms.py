"""Which form of a version serves: chosen by what was measured on this kind of node, checked, and taken back whole."""

import contextlib
import hashlib
import json
import sqlite3
import time

import pytest

from millrace_contracts.models import ModelVersionRead
from millrace_contracts.signature import Signature
from millrace_contracts.variants import ModelVariant, NodeKind
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import measuring, node

from . import mlp
from .test_rollouts import arms

DAY = 86400
HERE = node.kinds(node.runtimes(ServingSettings().triton_environment))[0]
ELSEWHERE = NodeKind.of_cpu("model name : Another CPU 9000\nflags : avx2", "onnxruntime", "1.31.1")
PLAN = {"mirror": {"percent": 100, "seconds": DAY}, "canary": [{"percent": 50, "seconds": DAY}]}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def measured(kind=HERE, ratio=3.0):
    """A measurement in which the form was *ratio* times as fast as the base form."""
    latency = {"batch": 1, "p10": 1.0, "p50": 1.0, "p99": 1.0, "repeats": 3, "calls": 100, "spread": 0.1}
    speed = {"batch": 1, "ratio": ratio, "lower": ratio, "upper": ratio, "p99": ratio}
    return {
        "node": kind.model_dump(), "threads": 1, "exclusive": True, "load": 0.0,
        "base": [latency], "variant": [latency], "speed_up": [speed],
    }  # fmt: skip


def variant(target="ort-cpu-int8", graph=None, kind=HERE, ratio=3.0, **more):
    """What a release tells of one form."""
    graph = mlp.int8() if graph is None else graph
    told = {
        "target": target, "state": "kept", "reason": "faster and as good", "name": f"model.{target}.onnx",
        "digest": digest(graph), "size": len(graph), "measured": measured(kind, ratio),
        "golden": mlp.golden(mlp.int8())["outputs"],
    }  # fmt: skip
    return told | more


class Release:
    """A version of the MLP with forms, in the stand-in of the registry, under a number that no other test has."""

    net = mlp
    """What its graph is, the signature and golden rows of it."""

    def __init__(self, serving, number, *variants, seed=1, base=None):
        self.serving, self.number, self.variants = serving, number, list(variants)
        self.base = mlp.fp32(seed=seed) if base is None else base
        artifacts = serving.neighbours.artifacts
        for graph in (self.base, mlp.int8()):
            artifacts[digest(graph)] = graph
        self.files = [
            {"role": "model", "variant": "base", "name": "model.onnx", "digest": digest(self.base)},
            *(
                {"role": "model", "variant": v["target"], "name": v["name"], "digest": v["digest"]}
                for v in self.variants
                if v["target"] != "ort-cpu-fp32"
            ),
        ]
        serving.neighbours.releases["air-time", number] = self

    def told(self):
        return ModelVersionRead.model_validate({
            "model": "air-time", "number": self.number, "key": f"run-{self.number}",
            "digest": "sha256:" + "0" * 64, "task": "regression", "target": "y", "files": self.files,
            "signature": self.net.SIGNATURE, "golden": self.net.golden(self.base), "metrics": {}, "baseline": None,
            "lineage": {}, "environment": {}, "variants": self.variants,
            "created_at": "2013-03-01T00:00:00Z",
        })  # fmt: skip

    @staticmethod
    def read(told):
        return ModelVariant.model_validate(told)

    @staticmethod
    def signature():
        return Signature.model_validate(mlp.SIGNATURE)

    def body(self, plan=None):
        """The rollout that the controller would ask for."""
        return {
            "key": f"run-{self.number}", "model": "air-time", "version": self.number,
            "signature": self.net.SIGNATURE, "files": self.files, "golden": self.net.golden(self.base),
            "plan": plan or {"mirror": None, "canary": []}, "event_time": "2013-03-01T00:00:00Z",
            "loop": "flights", "run": self.number, "variants": self.variants,
        }  # fmt: skip

    def roll_out(self, name, plan=None):
        answer = self.serving.client.post(f"/v1/endpoints/{name}/rollouts", json=self.body(plan))
        assert answer.status_code in (200, 201), answer.text
        path = f"/v1/endpoints/{name}/rollouts/{answer.json()['id']}"
        return self.serving.client.get(path, params={"wait": 30}).json()


def asked(serving, name):
    """What the endpoint answers to three rows."""
    feeds = mlp.rows(3, 9)
    given = [{key: float(feeds[key][row][0]) for key in mlp.INPUTS} for row in range(3)]
    answer = serving.predict(name, given)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def expected(graph):
    return pytest.approx(mlp.answers(graph, mlp.rows(3, 9)).tolist(), rel=1e-5)


def form_of(serving, name, number=-1):
    return serving.client.get(f"/v1/endpoints/{name}").json()["revisions"][number]["form"]


def decisions(serving, kind, name):
    """Decisions of a kind about an endpoint, once there is one."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        told = [
            d for d in serving.neighbours.decisions if d["kind"] == kind and d["subject"].startswith(name)
        ]
        if told:
            return told
        time.sleep(0.05)
    raise AssertionError(f"no decision {kind} about {name}")


def test_the_form_that_was_faster_on_this_kind_of_node_serves_and_says_so(serving):
    name = serving.endpoint()
    done = Release(serving, 902, variant()).roll_out(name)
    assert done["state"] == "promoted", done["reason"]
    assert asked(serving, name) == expected(mlp.int8())
    assert asked(serving, name) != expected(mlp.fp32())
    form = form_of(serving, name)
    assert (form["target"], form["reason"], form["nodes"]) == ("ort-cpu-int8", "Fastest", [HERE.key])
    assert "3 times as fast" in form["message"]
    told = decisions(serving, "rollout.started", name)[0]
    assert told["measured"]["form"]["target"] == "ort-cpu-int8"
    assert "form" not in told["evidence"]
    config = (serving.home / "serving/triton/models" / f"{name}--r1" / "config.pbtxt").read_text()
    assert '"ort-cpu-int8"' in config
    assert digest(mlp.int8()) in config


FAULTS = {
    "a wrong digest": (lambda: variant(digest="sha256:" + "1" * 64), "the registry sent"),
    "a wrong golden row": (
        lambda: variant(golden={"prediction": [9.0] * mlp.GOLDEN_ROWS}),
        "for golden row 0, expected 9",
    ),
    "a form that does not load": (lambda: variant(graph=b"no graph"), "Triton does not load it"),
}


@pytest.mark.parametrize(
    "fault", [fault if "golden" in fault else pytest.param(fault, marks=pytest.mark.slow) for fault in FAULTS]
)
def test_a_form_that_cannot_be_used_gives_way_to_the_base_form_which_says_so(serving, fault):
    make, words = FAULTS[fault]
    name, planted = serving.endpoint(), make()
    serving.neighbours.artifacts[planted["digest"]] = b"no graph" if "load" in fault else mlp.int8()
    done = Release(serving, 903, planted).roll_out(name)
    assert done["state"] == "promoted", done["reason"]
    assert asked(serving, name) == expected(mlp.fp32())
    form = form_of(serving, name)
    assert (form["target"], form["reason"]) == ("ort-cpu-fp32", "FellBack")
    assert words in form["message"]
    told = decisions(serving, "form.fell-back", name)[0]
    assert told["evidence"] == {"version": 903, "form": planted["target"], "instead": "ort-cpu-fp32"}


@pytest.mark.slow
def test_a_rollback_to_a_version_brings_its_form_back_bit_for_bit(serving):
    name = serving.endpoint()
    assert Release(serving, 904, variant()).roll_out(name)["state"] == "promoted"
    before = asked(serving, name)
    assert Release(serving, 905, variant(kind=ELSEWHERE), seed=2).roll_out(name)["state"] == "promoted"
    assert asked(serving, name) != before
    assert form_of(serving, name)["reason"] == "NeverMeasured"
    body = {"version": 904, "reason": "it was better", "key": "back"}
    answer = serving.client.post(f"/v1/endpoints/{name}:rollback", json=body).json()
    assert answer["stable_version"] == 904
    assert asked(serving, name) == before
    assert form_of(serving, name, 0)["target"] == "ort-cpu-int8"


def known(serving, item, kind=HERE):
    """Serving has measured a form here, and it was three times as fast."""
    row = (item["digest"], item["target"], kind.key, json.dumps(measured(kind)), "2013-03-01 00:00:00")
    with contextlib.closing(sqlite3.connect(serving.home / "serving" / "state.db", timeout=30)) as database:
        database.execute("INSERT INTO measured VALUES (?, ?, ?, ?, ?)", row)
        database.commit()


def rolling(serving, name, seconds=60):
    """The endpoint's second rollout, once its candidate is loaded."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        told = serving.client.get(f"/v1/endpoints/{name}").json()["rollout"]
        if told["id"] == 2 and told["state"] != "loading":
            return told
        time.sleep(0.1)
    raise AssertionError(told)


@contextlib.contextmanager
def the_slot(patience=120):
    """This machine's place for one measurement, once whoever has it is done."""
    until = time.monotonic() + patience
    with contextlib.ExitStack() as kept:
        while True:
            try:
                kept.enter_context(measuring.slot())
                break
            except measuring.Busy:
                assert time.monotonic() < until, "somebody measures all the time"
                time.sleep(0.2)
        yield


@pytest.mark.slow
def test_a_version_goes_from_its_base_form_to_int8_under_the_judge_and_back_bit_for_bit(serving):
    name, base, graph = serving.endpoint(), mlp.fp32(seed=12), mlp.int8(seed=12)
    serving.neighbours.artifacts[digest(graph)] = graph
    item = variant(graph=graph, kind=ELSEWHERE, golden=mlp.golden(graph)["outputs"])
    with the_slot():  # serving would measure it itself
        Release(serving, 906, item, base=base).roll_out(name)
        before = asked(serving, name)
        assert before == expected(base)
        known(serving, item)
        assert rolling(serving, name)["state"] == "mirroring"
    for day in (2, 6, 10):
        serving.neighbours.arms[name] = arms(name)
        serving.advance(name, f"2013-03-{day:02}T00:00:00Z")
    assert asked(serving, name) == expected(graph)
    place = serving.home / "serving/triton/models" / f"{name}--r1" / "config.pbtxt"
    loaded = place.stat().st_mtime_ns
    body = {"reason": "the base form is wanted", "key": "back"}
    answer = serving.client.post(f"/v1/endpoints/{name}:rollback", json=body).json()
    assert (answer["stable"], answer["stable_version"]) == (1, 906)
    assert asked(serving, name) == before
    assert place.stat().st_mtime_ns == loaded, "it was loaded anew"
    again = {"reason": "and back", "key": "again"}
    assert serving.client.post(f"/v1/endpoints/{name}:rollback", json=again).json()["stable"] == 2
    assert asked(serving, name) == expected(graph)


@pytest.mark.slow
def test_a_form_that_was_measured_elsewhere_only_is_measured_on_this_machine(serving):
    """Which one is faster here is the machine's business; that it was found out is the promise."""
    name, graph = serving.endpoint(), mlp.int8(seed=9)
    serving.neighbours.artifacts[digest(graph)] = graph
    item = variant(graph=graph, kind=ELSEWHERE, golden=mlp.golden(graph)["outputs"])
    Release(serving, 907, item, base=mlp.fp32(seed=9)).roll_out(name)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        told = serving.client.get(f"/v1/endpoints/{name}").json()
        if len(told["revisions"]) == 2 or told["revisions"][0]["form"]["reason"] == "NotFaster":
            break
        time.sleep(0.2)
    assert told["revisions"][-1]["form"]["wants"] == []
    with contextlib.closing(sqlite3.connect(serving.home / "serving" / "state.db", timeout=30)) as database:
        ((node_key, kept),) = database.execute(
            "SELECT node, measurement FROM measured WHERE digest = ?", (digest(graph),)
        ).fetchall()
    assert node_key == HERE.key
    assert [speed["batch"] for speed in json.loads(kept)["speed_up"]] == [1]


@pytest.mark.slow
def test_a_model_that_was_searched_for_by_latency_tells_its_latency_where_it_serves(serving):
    name, graph = serving.endpoint(), mlp.fp32(seed=14)
    item = variant("ort-cpu-fp32", graph, ELSEWHERE, name="model.onnx", golden={})
    item["measured"] |= {"variant": [], "speed_up": []}
    release = Release(serving, 914, base=graph)
    release.variants = [item]
    release.roll_out(name)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        (told,) = serving.client.get(f"/v1/endpoints/{name}").json()["revisions"]
        if told["form"]["latency"]:
            break
        time.sleep(0.2)
    (latency,) = told["form"]["latency"]
    assert (latency["batch"], latency["repeats"], latency["p10"] > 0) == (1, 9, True)
    assert told["form"]["wants"] == []
    assert asked(serving, name) == expected(graph)
