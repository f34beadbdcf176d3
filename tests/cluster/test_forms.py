"""Forms of a model in a cluster: made by a step of the run, measured by Jobs on the nodes that serve, and rolled out.

GPU nodes are nodes of which only the names are real (kwok): where an engine would be built is shown, no build is.
"""

import json

import pytest
import yaml
from tests.cluster import test_own_code as own
from tests.cluster import test_story as story

pytestmark = pytest.mark.timeout(1800)
TEAM, NETS, FORMS, TIMED = story.TEAM, "nets", "forms", "timed"
UNHEARD = {"onnxruntime": "0.0.1"}
"""A runtime by whose version no node is of a kind that training measured."""
SOON = [
    {"name": "MILLRACE_FORM_SECONDS", "value": "3"},
    {"name": "MILLRACE_MEASURE_PATIENCE_SECONDS", "value": "20"},
]
VALUES = {"triton.runtimes": UNHEARD, "serving.extraEnv": SOON}
ROW = {f"x{number}": 0.5 for number in range(12)}
ADVANCE = f"""
import json
from datetime import UTC, datetime
from millrace.client import Millrace
client = Millrace.from_environment({TEAM!r})
for day in (2, 6, 10, 14):
    told = client.serving.advance({FORMS!r}, datetime(2036, 3, day, tzinfo=UTC))
print(told.model_dump_json())
"""
GPU = {"nvidia.com/gpu.product": "Fancy-GPU", "nvidia.com/cuda.driver-version.full": "123.4"}
ENGINES = {
    "claim": "engines", "image": "docker.io/millrace/none:none", "gpu": GPU["nvidia.com/gpu.product"],
    "driver": GPU["nvidia.com/cuda.driver-version.full"], "tensorrt": "10.1",
}  # fmt: skip
BUILD = """
import asyncio, json
from millrace_contracts.models import Golden
from millrace_contracts.signature import Signature
from millrace_core.kubernetes import Cluster
from millrace_serving.cluster.building import Building
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.loading import LoadFailed, NotYet
from millrace_serving.triton.repository import Wanted
settings = ServingSettings()
settings.triton_resources["limits"]["nvidia.com/gpu"] = "1"
column = {"name": "x", "column": "x", "datatype": "FP32", "kind": "number"}
numbers = {"inputs": [column], "outputs": [{"name": "y", "datatype": "FP32"}]}
signature = Signature.model_validate(numbers)
golden = Golden(inputs={"x": [1.0]}, outputs={"y": [1.0]})
item = Wanted("e--r1", "e", "default", 1, "sha256:" + "7" * 64, signature, golden, "e", 1, target="tensorrt-int8")
async def main():
    try:
        await Building(settings, Cluster.here()).ready(item, None)
        return "ready"
    except (NotYet, LoadFailed) as error:
        return f"{type(error).__name__}: {error}"
print(json.dumps(asyncio.run(main())))
"""


@pytest.fixture(scope="module")
def unheard(kube, release):
    """A release whose Triton has a runtime that nobody measured, and that looks often whether a form is better."""
    yield release
    for name in (NETS, FORMS, TIMED):
        kube.kubectl("delete", "modelloop", name, "-n", TEAM, "--ignore-not-found", timeout=10)


def served(release, number=-1):
    """A revision of the endpoint, the newest if none is said."""
    return release.call(f"client.serving.endpoint({FORMS!r}).revisions[{number}]", TEAM)


def test_a_node_that_nobody_measured_serves_the_base_form_is_measured_and_gets_the_better_one(kube, unheard):
    digest = unheard.python(own.PACK)
    kube.apply(own.declared(digest, unheard.tag, FORMS, waits=False), TEAM)
    kube.until("the loop is taken up", 90, lambda: (story.loop(kube, FORMS).get("status") or {}).get("phase"))
    if own.DATASET not in unheard.call(story.ROWS, TEAM):
        assert unheard.python(own.PUSH, FORMS) is True
    kube.until("a champion", 600, lambda: story.champion(kube, FORMS), unheard.namespace)
    first = served(unheard, 0)
    assert first["form"]["target"] == "ort-cpu-fp32"
    base = unheard.call(f"client.serving.predict({FORMS!r}, [{ROW!r}])", TEAM)
    made = kube.until("a Job measures", 300, lambda: measuring(kube, unheard), unheard.namespace)
    assert made["spec"]["template"]["spec"]["serviceAccountName"] == "millrace-measure"
    second = kube.until("another form is rolled out", 600, lambda: other(unheard), unheard.namespace)
    assert second["form"]["target"] == "ort-cpu-int8"
    assert "times as fast as the base form on this kind of node" in second["form"]["message"]
    print("\n", second["form"]["message"], kube.kubectl("logs", f"job/{made['metadata']['name']}", "-n",
          unheard.namespace, "-c", "rounds", check=False).strip().splitlines()[-1])  # fmt: skip
    events = kube.get("events", unheard.namespace)
    assert "MeasuringForm" in {event["reason"] for event in events}
    kube.until("it is promoted", 300, lambda: advanced(unheard)["stable"] == 2, unheard.namespace)
    after = unheard.call(f"client.serving.predict({FORMS!r}, [{ROW!r}])", TEAM)
    assert after["revision"].endswith("--r2")
    assert after["predictions"] == pytest.approx(base["predictions"], abs=0.5)
    assert after["predictions"] != base["predictions"], "8 bits answer a little otherwise"


def measuring(kube, release):
    found = kube.get("jobs", release.namespace, "app.kubernetes.io/component=measure")
    return found[0] if found else None


def other(release):
    """The revision with another form, once it has begun."""
    found = served(release)
    if found["number"] == 1:
        assert "cannot be measured" not in found["form"]["message"], found["form"]["message"]
        assert found["form"]["reason"] != "NotFaster", found["form"]["message"]
        return None
    return found


def advanced(release):
    """The endpoint after as many days as its steps take."""
    return release.python(ADVANCE)


def test_a_base_form_whose_latency_was_searched_for_is_timed_by_a_job_where_it_serves(kube, unheard):
    search = {"trials": 2, "families": ["linear", "lightgbm"], "objectives": ["loss", "latency"]}
    spec = {
        "task": "regression",
        "target": "wave",
        "data": {"dataset": own.DATASET},
        "training": {"search": search, "folds": 2, "variants": ["none"]},
    }
    head = {"apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": {"name": TIMED}}
    kube.apply(yaml.safe_dump(head | {"spec": spec}), TEAM)
    kube.until("a champion", 600, lambda: story.champion(kube, TIMED), unheard.namespace)
    form = kube.until("it is timed", 600, lambda: timed(unheard), unheard.namespace)
    assert (form["target"], form["wants"]) == ("ort-cpu-fp32", [])
    assert all(item["p10"] > 0 for item in form["latency"])


def timed(release):
    """The form of the loop that a search for latency made, once serving knows how long it takes there."""
    form = release.call(f"client.serving.endpoint({TIMED!r}).revisions[-1]", TEAM)["form"]
    assert "cannot be measured" not in form["message"], form["message"]
    return form if form["latency"] else None


def test_a_net_that_the_search_found_tells_each_of_its_forms_with_its_numbers(kube, unheard):
    spec = {
        "task": "regression",
        "target": "wave",
        "data": {"dataset": own.DATASET},
        "training": {
            "search": {"trials": 1, "families": ["mlp"]}, "folds": 2, "variants": ["ort-cpu-int8", "tensorrt-int8"],
        },
    }  # fmt: skip
    head = {"apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": {"name": NETS}}
    kube.apply(yaml.safe_dump(head | {"spec": spec}), TEAM)
    kube.until("a champion", 600, lambda: story.champion(kube, NETS), unheard.namespace)
    (run,) = unheard.call(f"client.controller.runs({NETS!r})", TEAM)
    assert run["steps"]["compress"]["state"] == "succeeded"
    forms = {
        item["target"]: item for item in unheard.call(f"client.registry.version({NETS!r}, 1).variants", TEAM)
    }
    int8 = forms["ort-cpu-int8"]
    assert int8["state"] in ("kept", "refused")
    assert any(letter.isdigit() for letter in int8["reason"]), int8["reason"]
    assert int8["quantised"] > 0
    print(
        "\n",
        int8["state"],
        int8["reason"],
        "|",
        forms["tensorrt-int8"]["state"],
        forms["tensorrt-int8"]["reason"],
    )
    assert forms["tensorrt-int8"]["state"] in ("unmeasured", "refused")


def claim(kube):
    """The engines' claim, bound at once where a volume lies ready: serving takes the Job away within a second."""
    volumes = json.loads(kube.kubectl("get", "pv", "-o", "json"))["items"]
    free = [item for item in volumes if item["status"]["phase"] == "Available"]
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    if free:
        spec |= {
            "volumeName": free[0]["metadata"]["name"],
            "storageClassName": free[0]["spec"]["storageClassName"],
        }
    meta = {"name": ENGINES["claim"]}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec}


@pytest.fixture
def fancy(kube, unheard):
    """A node, of which only the name is real, with a GPU that engines are built for."""
    nodes = json.loads(kube.kubectl("get", "nodes", "-l", "type=kwok", "-o", "json"))["items"]
    names = [node["metadata"]["name"] for node in nodes if "nvidia.com/gpu" in node["status"]["allocatable"]]
    if not names:
        pytest.skip("no nodes with GPUs that run nothing (kwok)")
    kube.kubectl("label", "node", names[0], *(f"{key}={value}" for key, value in GPU.items()), "--overwrite")
    kube.apply(json.dumps(claim(kube)), unheard.namespace)
    before = dict(unheard.values)
    taints = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    unheard.values |= {"triton.engines": ENGINES, "workloads.tolerations": taints}
    unheard.upgrade()
    yield names[0]
    unheard.values.clear()
    unheard.values.update(before)
    kube.kubectl("label", "node", names[0], *(f"{key}-" for key in GPU))
    kube.kubectl("delete", "pvc", ENGINES["claim"], "-n", unheard.namespace, "--wait=false")


def test_an_engine_is_built_on_the_node_with_its_gpu_and_driver_and_no_pod_without_a_gpu_waits_for_one(
    kube, unheard, fancy
):
    (serving, *_) = unheard.names("serving", running=True)
    said = kube.kubectl("exec", "-i", "-n", unheard.namespace, serving, "--", "python", "-", stdin=BUILD)
    assert "is built by the Job engine-" in said
    job = said.partition("Job ")[2].split('"')[0].strip()
    where = kube.until("its pod has a node", 60, lambda: placed(kube, unheard, job), unheard.namespace)
    assert where.endswith(f" to {fancy}")
    told = kube.until("it tells", 120, lambda: wish(unheard), unheard.namespace)
    assert told["target"] != "tensorrt-int8"
    assert "its pods ask for no GPU" in told["message"]


def placed(kube, release, job):
    """What the scheduler said of its pod, which serving takes away again: no revision wants that engine."""
    events = kube.get("events", release.namespace)
    about = [event for event in events if event["involvedObject"]["name"].startswith(job)]
    return next((event["message"] for event in about if event["reason"] == "Scheduled"), None)


def wish(release):
    """The form of the net that the search found, once it says what became of the form for TensorRT."""
    found = release.call(f"client.serving.endpoint({NETS!r}).revisions[0].form", TEAM)
    return found if "tensorrt-int8 cannot be measured" in found["message"] else None
