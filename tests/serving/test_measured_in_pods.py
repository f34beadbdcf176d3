"""A form that no node of that kind ever ran is measured by a Job on one of them, whose report decides what serves."""

# ruff: noqa: F811 - a fixture of another file is used by its name

import json

import pytest

from millrace_contracts.traffic import RequestSizes
from millrace_contracts.variants import ModelVariant, NodeKind
from millrace_core.auth import Actor, Tokens
from millrace_serving.cluster import measurements
from millrace_serving.cluster.measurements import Question, job_name, questions
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import measuring, rounds
from millrace_serving.triton.measuring import NotMeasured
from millrace_serving.variants import pauses

from . import mlp
from .test_cluster_plane import world  # noqa: F401
from .test_pod_manifests import revision
from .test_served_forms import ELSEWHERE, HERE, digest, measured, variant
from .test_switched_forms import EITHER, roll_out, until

TARGET, PLACE = "ort-cpu-int8", "node-7"
JOB = job_name(digest(mlp.int8()), TARGET, ELSEWHERE.key)
PENDING = {"phase": "Pending"}


@pytest.fixture
async def unmeasured(world, monkeypatch):
    """An endpoint on a node of a kind where nobody measured; the pods that tokens were given to speak by their name."""
    found = Tokens.find

    async def by_pod(tokens, token):
        name = token.removeprefix("of-pod:")
        return Actor("measure", "measure", name) if name != token else await found(tokens, token)

    monkeypatch.setattr(Tokens, "find", by_pod)
    born = world.cluster.born
    said = json.dumps({"nodes": [ELSEWHERE.key]})
    done = {"name": "fetch", "state": {"terminated": {"exitCode": 0, "message": said}}}

    def told(pod):
        born(pod)
        pod["status"]["initContainerStatuses"] = [done]
        pod["spec"] = {"nodeName": PLACE}

    world.cluster.born = told
    world.triton.outputs = mlp.golden(mlp.fp32())["outputs"]
    return world


def job(world, name=JOB):
    return world.cluster.objects.get(("Job", "work", name))


def put_pod(world, name=f"{JOB}-abcde", component="measure", **status):
    labels = {
        "app.kubernetes.io/name": "millrace", "app.kubernetes.io/instance": "millrace",
        "app.kubernetes.io/component": component, "app.kubernetes.io/managed-by": "millrace-serving",
    }  # fmt: skip
    status = {"phase": "Running", "startTime": "2026-03-01T10:00:00Z"} | status
    return world.cluster.put(
        "Pod", name, metadata={"labels": labels}, spec={"nodeName": PLACE}, status=status
    )


def message(told):
    return told["revisions"][0]["form"]["message"]


async def report(world, pod=f"{JOB}-abcde", kind=ELSEWHERE, ratio=3.0, **more):
    body = {"target": TARGET, "digest": digest(mlp.int8()), "measurement": measured(kind, ratio)} | more
    headers = {"authorization": f"Bearer of-pod:{pod}"}
    return await world.client.post("/v1/measurements", json=body, headers=headers)


async def test_a_job_on_that_node_runs_both_forms_in_one_triton_and_is_told_on_the_revision(unmeasured):
    await roll_out(unmeasured, 1, EITHER)
    told = await until(unmeasured, lambda seen: "is measured now" in message(seen))
    assert f"by the Job {JOB} on {PLACE}" in message(told)
    assert told["revisions"][0]["form"]["wants"] == [TARGET]
    (rule,) = job(unmeasured)["spec"]["podFailurePolicy"]["rules"]
    assert rule["action"] == "Ignore", "an eviction says nothing of the form"
    pod = job(unmeasured)["spec"]["template"]["spec"]
    (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert term["matchFields"] == [{"key": "metadata.name", "operator": "In", "values": [PLACE]}]
    form, base, triton = pod["initContainers"]
    assert f"--digest={digest(mlp.int8())}" in form["args"]
    assert f"--digest={digest(mlp.fp32(seed=1))}" in base["args"]
    assert {"--load-model=base", "--load-model=form"} <= set(triton["args"])
    assert triton["restartPolicy"] == "Always", "it ends with who asks it"
    assert {"lifecycle", "startupProbe", "readinessProbe", "livenessProbe"}.isdisjoint(triton)
    assert not any(item["name"] == "token" for item in triton["volumeMounts"])
    assert pod["serviceAccountName"] == "millrace-measure"
    labels = job(unmeasured)["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/component"] == "measure", "no revision's Service finds it"
    assert "MeasuringForm" in [event["reason"] for event in unmeasured.cluster.events]


async def test_what_its_pod_reports_rolls_the_better_form_out(unmeasured):
    await roll_out(unmeasured, 1, EITHER)
    await until(unmeasured, lambda seen: "is measured now" in message(seen))
    put_pod(unmeasured)
    assert (await report(unmeasured)).status_code == 204
    told = await until(unmeasured, lambda seen: seen["rollout"]["id"] == 2)
    assert told["revisions"][1]["form"]["target"] == TARGET
    assert "3 times as fast" in told["revisions"][1]["form"]["message"]


async def test_a_form_that_is_no_faster_there_is_left_alone(unmeasured):
    await roll_out(unmeasured, 1, EITHER)
    await until(unmeasured, lambda seen: "is measured now" in message(seen))
    put_pod(unmeasured)
    assert (await report(unmeasured, ratio=1.02)).status_code == 204
    told = await until(unmeasured, lambda seen: seen["revisions"][0]["form"]["reason"] == "NotFaster")
    assert told["rollout"]["id"] == 1


async def test_a_pod_reports_what_it_was_made_for_and_nothing_else(unmeasured):
    await roll_out(unmeasured, 1, EITHER)
    await until(unmeasured, lambda seen: "is measured now" in message(seen))
    put_pod(unmeasured)
    for pod in ("measure-0123456789abcdef-abcde", "flights-r1-0", ""):
        answer = await report(unmeasured, pod)
        assert (answer.status_code, "was not asked" in answer.text) == (403, True)
    assert (await report(unmeasured, kind=HERE)).status_code == 403, (
        "another kind of node is another question"
    )
    unknown = await report(unmeasured, digest="sha256:" + "9" * 64)
    assert (unknown.status_code, "No revision" in unknown.text) == (422, True)
    headers = {"authorization": f"Bearer of-pod:{JOB}-abcde"}
    assert (await unmeasured.client.get("/v1/endpoints/flights", headers=headers)).status_code == 403


async def test_a_job_that_fails_says_why_and_is_not_made_again(unmeasured):
    await roll_out(unmeasured, 1, EITHER)
    await until(unmeasured, lambda seen: "is measured now" in message(seen))
    said = "NotMeasured: Triton did not load both forms within 120 s"
    ended = {"name": "rounds", "state": {"terminated": {"exitCode": 1, "message": said}}}
    put_pod(unmeasured, phase="Failed", containerStatuses=[ended])
    job(unmeasured)["status"] = {
        "conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]
    }
    told = await until(unmeasured, lambda seen: "cannot be measured" in message(seen))
    assert said in message(told)
    unmeasured.cluster.objects.pop(("Job", "work", JOB))
    made = unmeasured.cluster.applied.count(f"Job/{JOB}")
    await until(unmeasured, lambda seen: "cannot be measured" in message(seen))
    assert unmeasured.cluster.applied.count(f"Job/{JOB}") == made


LATE = {
    "conditions": [
        {
            "type": "Failed",
            "status": "True",
            "reason": "DeadlineExceeded",
            "message": "Job was active too long",
        }
    ]
}
FULL = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes: too little",
}


async def test_a_job_whose_pod_found_no_place_in_its_time_is_made_again_after_a_pause(
    unmeasured, monkeypatch
):
    monkeypatch.setattr(pauses, "FIRST", 0.5)
    await roll_out(unmeasured, 1, EITHER)
    put_pod(unmeasured, phase="Pending", conditions=[FULL])
    await until(unmeasured, lambda seen: "0/1 nodes: too little" in message(seen))
    first = job(unmeasured)
    first["status"] = LATE
    told = await until(unmeasured, lambda seen: "is tried again after" in message(seen))
    assert "had not begun after 600 s (its pod cannot be scheduled: 0/1 nodes: too little)" in message(told)
    assert "UTC, 1 without success" in message(told)
    assert told["revisions"][0]["form"]["wants"] == [TARGET], "it is wanted as before"
    await until(unmeasured, lambda seen: "is measured now" in message(seen))
    assert job(unmeasured)["metadata"]["uid"] != first["metadata"]["uid"]
    assert unmeasured.cluster.deleted.count(f"Job/{JOB}") == 1
    job(unmeasured)["status"] = LATE
    await until(unmeasured, lambda seen: "UTC, 2 without success" in message(seen))


async def test_a_job_that_began_and_took_too_long_is_not_made_again(unmeasured):
    await roll_out(unmeasured, 1, EITHER)
    fetched = {"name": "fetch", "state": {"terminated": {"exitCode": 0}}}
    stuck = {
        "name": "triton",
        "state": {"waiting": {"reason": "CreateContainerError", "message": "no device"}},
    }
    put_pod(unmeasured, phase="Pending", initContainerStatuses=[fetched, stuck])
    await until(unmeasured, lambda seen: "no device" in message(seen))
    job(unmeasured)["status"] = LATE
    told = await until(unmeasured, lambda seen: "cannot be measured" in message(seen))
    assert "DeadlineExceeded" in message(told)


BASE, ALONE = "ort-cpu-fp32", job_name(digest(mlp.fp32(seed=1)), "ort-cpu-fp32", ELSEWHERE.key)
REQUESTS = {"requests": 500, "median": 2, "p90": 30, "since": "2013-03-01", "through": "2013-03-14"}


def searched():
    """A base form whose latency a search promised, measured elsewhere with the sizes of real requests."""
    alone = measured(HERE) | {"variant": [], "speed_up": [], "traffic": REQUESTS}
    return variant(BASE, mlp.fp32(seed=1), name="model.onnx", measured=alone, golden={})


async def test_a_base_form_whose_latency_was_searched_for_is_timed_alone_by_a_job(unmeasured):
    await roll_out(unmeasured, 1, searched())
    await until(unmeasured, lambda seen: "is measured now" in message(seen))
    pod = job(unmeasured, ALONE)["spec"]["template"]["spec"]
    fetch, triton = pod["initContainers"]
    assert f"--digest={digest(mlp.fp32(seed=1))}" in fetch["args"]
    assert [item for item in triton["args"] if item.startswith("--load-model")] == ["--load-model=base"]
    put_pod(unmeasured, f"{ALONE}-abcde")
    told = measured(ELSEWHERE) | {"variant": [], "speed_up": []}
    what = {"target": BASE, "digest": digest(mlp.fp32(seed=1))}
    nothing = await report(unmeasured, f"{ALONE}-abcde", measurement=told | {"base": []}, **what)
    assert (nothing.status_code, "no base" in nothing.text) == (422, True)
    answer = await report(unmeasured, f"{ALONE}-abcde", measurement=told, **what)
    assert answer.status_code == 204, answer.text
    seen = await until(unmeasured, lambda seen: seen["revisions"][0]["form"]["latency"])
    form = seen["revisions"][0]["form"]
    assert (form["target"], form["wants"], form["latency"][0]["p10"]) == (BASE, [], 1.0)


async def test_a_job_that_ends_without_a_word_is_told(unmeasured):
    await roll_out(unmeasured, 1, EITHER)
    await until(unmeasured, lambda seen: "is measured now" in message(seen))
    job(unmeasured)["status"] = {"succeeded": 1}
    told = await until(unmeasured, lambda seen: "cannot be measured" in message(seen))
    assert "ended and reported nothing" in message(told)


@pytest.mark.parametrize("component", ["measure", "job"])
async def test_it_waits_for_what_uses_its_node_and_then_measures_beside_it(unmeasured, component):
    other = measurements.labels(unmeasured.settings)
    if component == "measure":
        made = {"labels": other, "annotations": {measurements.NODE: PLACE}}
        unmeasured.cluster.put("Job", "measure-other", metadata=made)
    else:
        put_pod(unmeasured, "train-x", "job")
    await roll_out(unmeasured, 1, EITHER)
    told = await until(
        unmeasured, lambda seen: "never measured" in message(seen) and "." in message(seen)[:-1]
    )
    assert ("measure-other has measured there" in message(told)) == (component == "measure")
    assert ("once no job runs" in message(told)) == (component == "job")
    assert job(unmeasured) is None
    if component == "measure":
        unmeasured.cluster.objects["Job", "work", "measure-other"]["status"] = {"succeeded": 1}
    else:
        unmeasured.settings.measure_patience_seconds = 0
    await until(unmeasured, lambda seen: "is measured now" in message(seen))


async def test_what_else_ran_on_the_node_is_told_with_the_measurement(unmeasured, monkeypatch):
    kept = []
    await roll_out(unmeasured, 1, EITHER)
    await until(unmeasured, lambda seen: "is measured now" in message(seen))
    put_pod(unmeasured)
    over = [{"name": "job", "state": {"terminated": {"exitCode": 0, "finishedAt": "2026-03-01T09:59:59Z"}}}]
    put_pod(unmeasured, "train-before", "job", phase="Succeeded", containerStatuses=over)
    from millrace_serving.revisions import queries

    keep = queries.keep_measured

    async def kept_measured(session, digest, target, measured):
        kept.append(measured)
        await keep(session, digest, target, measured)

    monkeypatch.setattr(queries, "keep_measured", kept_measured)
    await report(unmeasured, ratio=1.02)
    assert (kept[0].exclusive, kept[0].beside) == (True, 1), "the revision's own pod ran there"
    after = [{"name": "job", "state": {"terminated": {"exitCode": 0, "finishedAt": "2026-03-01T10:00:05Z"}}}]
    put_pod(unmeasured, "train-beside", "job", phase="Succeeded", containerStatuses=after)
    await report(unmeasured, ratio=1.02)
    assert (kept[1].exclusive, kept[1].beside) == (False, 2)


async def test_measuring_can_be_switched_off_and_says_so(unmeasured):
    unmeasured.settings.measure_forms = False
    await roll_out(unmeasured, 1, EITHER)
    told = await until(unmeasured, lambda seen: "cannot be measured" in message(seen))
    assert "triton.measureForms" in message(told)


class TestQuestions:
    """Pure: what is asked of which node."""

    def test_each_kind_of_node_is_asked_once_and_what_training_measured_never(self):
        variant = ModelVariant.model_validate(EITHER)
        places = {"a": {HERE.key}, "b": {ELSEWHERE.key}, "c": {ELSEWHERE.key, "cpu/x/plain/openvino-1"}}
        (asked,) = questions(revision(), "base", variant, places, None)
        assert (asked.place, asked.key, asked.batches) == ("b", ELSEWHERE.key, (1,))

    def test_a_form_for_gpus_is_asked_of_the_gpu_that_the_values_name(self):
        told = {"target": "tensorrt-int8", "state": "unmeasured", "measured": None}
        variant = ModelVariant.model_validate(EITHER | told)
        gpu = NodeKind(device="gpu", product="H200", driver="5", runtime="tensorrt", runtime_version="10")
        (asked,) = questions(revision(), "base", variant, {"a": {HERE.key}}, gpu)
        assert (asked.place, asked.gpu) == ("", gpu)
        assert questions(revision(), "base", variant, {"a": {HERE.key}}, None) == []

    def test_the_same_question_has_the_same_job_whatever_node_it_is_put_to(self):
        one = Question(revision(), "base", TARGET, "sha256:1", "k", "a")
        assert one.job == Question(revision(), "base", TARGET, "sha256:1", "k", "b").job
        assert one.job != Question(revision(), "base", TARGET, "sha256:1", "other", "a").job

    def test_whose_requests_the_sizes_are_of_goes_with_the_question_and_its_job(self):
        both = measured(HERE) | {"traffic": REQUESTS}
        told = ModelVariant.model_validate(EITHER | {"measured": both})
        (asked,) = questions(revision(), "sha256:" + "2" * 64, told, {"b": {ELSEWHERE.key}}, None)
        assert asked.traffic == told.measured.traffic
        settings = ServingSettings(platform="kubernetes", serving_image="s", triton_image="t")
        (part,) = measurements.job(settings, asked)["spec"]["template"]["spec"]["containers"]
        (given,) = [item for item in part["args"] if item.startswith("--traffic=")]
        assert RequestSizes.model_validate_json(given.removeprefix("--traffic=")) == asked.traffic


class TestRounds:
    """Between a stand-in for Triton's clock and the measurement."""

    async def test_the_base_form_alone_is_timed_without_a_ratio(self):
        async def call(form, columns):
            assert form == "base"
            return 3.0

        told = await rounds.rounds(call, {}, (rounds.BASE,))
        made = measuring.read(HERE, {"load": 0.5, "batches": {"1": told}}, exclusive=False)
        assert (made.base[0].p10, made.variant, made.speed_up) == (3.0, [], [])

    async def test_the_forms_take_turns_and_the_ratio_is_that_of_their_clocks(self):
        order = []

        async def call(form, columns):
            order.append(form)
            return {"base": 3.0, "form": 1.0}[form] + (len(order) % 7) / 1e3

        told = await rounds.rounds(call, {})
        answer = {"load": 0.5, "batches": {"1": told}}
        made = measuring.read(HERE, answer, exclusive=False)
        assert made.at(1).ratio == pytest.approx(3.0, rel=0.01)
        assert made.at(1).lower <= made.at(1).ratio <= made.at(1).upper
        calls = told["calls"]
        begun = order[2 * rounds.WARM_UP :: calls]
        assert begun[:4] == ["base", "form", "form", "base"], "who begins changes from round to round"

    async def test_a_call_that_triton_counts_late_is_waited_for(self, monkeypatch):
        monkeypatch.setattr(rounds, "ROUNDS", 2)
        monkeypatch.setattr(rounds, "MOST", 10)

        class Late:
            """Counts each call one look too late."""

            def __init__(self):
                self.told, self.coming = {"base": (0, 0), "form": (0, 0)}, []

            async def ready(self, name):
                return True

            async def busy(self, name):
                shown = self.told[name]
                for one, took in self.coming:
                    calls, ns = self.told[one]
                    self.told[one] = (calls + 1, ns + took)
                self.coming = []
                return shown

            async def infer(self, name, columns, timeout):
                self.coming.append((name, {"base": 3_000_000, "form": 1_000_000}[name]))

        told = await rounds.timed(Late(), {}, [1], 1.0)
        assert measuring.read(HERE, told, exclusive=False).at(1).ratio == pytest.approx(3.0)

    def test_rows_are_repeated_where_there_are_fewer(self):
        import numpy as np

        made = rounds.rows({"x": ("FP32", np.arange(3))}, 8)
        assert made["x"][1].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]

    def test_a_runtime_that_the_values_do_not_name_is_told(self):
        from argparse import Namespace

        with pytest.raises(NotMeasured, match=r"triton\.runtimes"):
            rounds.kind(Namespace(node=None, target=TARGET, runtimes={}))
        versions = ServingSettings().triton_runtimes | {"onnxruntime": "1.31.1"}
        assert rounds.kind(Namespace(node=None, target=TARGET, runtimes=versions)).runtime == "onnxruntime"
