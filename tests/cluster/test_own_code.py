"""Training code of a team's own in a pod: its cell, its checkpoint when the pod is taken away, and what it makes."""

import json
from pathlib import Path

import pytest
import yaml
from tests.cluster import test_story as story

pytestmark = pytest.mark.timeout(1800)
TEAM, LOOP, DATASET = story.TEAM, "wide", "waves"
INSIDE = Path(__file__).parent / "inside" / "wide.py"
PUSH = f"""
import csv, json, random, sys
from pathlib import Path
from millrace.client import Millrace
from millrace.delivery import push
client, draw, rows, loop = Millrace.from_environment({TEAM!r}), random.Random(7), [], sys.argv[1]
for _ in range(700):
    row = {{f"x{{number}}": round(draw.gauss(0, 1), 4) for number in range(12)}}
    wave = 3 * row["x0"] + 4 * abs(row["x1"]) + row["x2"] * row["x3"] + draw.gauss(0, 0.5)
    rows.append(row | {{"wave": round(wave, 4)}})
path = Path("/tmp/waves.csv")
with path.open("w", newline="") as file:
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
print(json.dumps(push(client, loop, path).accepted))
"""
PACK = f"""
import json
from pathlib import Path
from millrace.client import Millrace
from millrace.code_archive import pack
folder = Path("/tmp/own")
folder.mkdir(exist_ok=True)
(folder / "train.py").write_text({INSIDE.read_text()!r})
client = Millrace.from_environment({TEAM!r})
print(json.dumps(client.registry.put_artifact(pack(folder, "train:main"))))
"""
SIGHTS = """
import json, os, socket
from pathlib import Path
def found(name):
    try:
        return bool(socket.getaddrinfo(name, 80))
    except OSError:
        return False
print(json.dumps({
    "environment": sorted(os.environ),
    "secrets": os.path.exists("/var/run/secrets"),
    "names": [name for name in ("kubernetes.default.svc", "example.org") if found(name)],
    "resolver": Path("/etc/resolv.conf").read_text(),
    "hosts": Path("/etc/hosts").read_text(),
}))
"""


def declared(digest, tag, name=LOOP, waits=True, variants=("ort-cpu-int8",)):
    """A loop whose model is trained by that code, in an image that it names."""
    code = {
        "digest": digest,
        "image": f"docker.io/millrace/training-cpu:{tag}",
        "params": {"waits": 1} if waits else {},
    }
    spec = {
        "task": "regression",
        "target": "wave",
        "data": {"dataset": DATASET},
        "training": {"code": code, "variants": list(variants), "limits": {"memory": "2Gi"}},
    }
    meta = {"name": name}
    return yaml.safe_dump(
        {"apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": meta, "spec": spec}
    )


def jobs(release, name=LOOP):
    """The pods of the training of a loop by its own code, by name."""
    pods = release.kube.get("pods", release.namespace, f"millrace.dev/loop={name},millrace.dev/apart=true")
    return {pod["metadata"]["name"]: pod for pod in pods if "deletionTimestamp" not in pod["metadata"]}


@pytest.fixture(scope="module")
def packed(kube, release):
    """Digest of the code in the registry."""
    digest = release.python(PACK)
    yield digest
    kube.kubectl("delete", "modelloop", LOOP, "-n", TEAM, "--ignore-not-found", timeout=10)


def waiting(kube, release):
    """The pod once its code waits after its second step."""
    found = jobs(release)
    said = "[job.progress.message for job in client.training.jobs(loop='wide').items if job.progress]"
    if found and any("step 1" in words for words in release.call(said, TEAM)):
        return next(iter(found.values()))
    return None


def test_code_in_a_pod_sees_no_secret_and_no_name_and_goes_on_at_its_checkpoint(kube, release, packed):
    kube.apply(declared(packed, release.tag), TEAM)
    kube.until("the loop is taken up", 90, lambda: (story.loop(kube, LOOP).get("status") or {}).get("phase"))
    assert release.python(PUSH, LOOP) is True
    pod = kube.until("its code waits", 600, lambda: waiting(kube, release), release.namespace)
    first = pod["metadata"]["name"]
    seen = json.loads(
        kube.kubectl(
            "exec", "-i", "-n", release.namespace, first, "-c", "code", "--", "python", "-", stdin=SIGHTS
        )
    )
    assert not [name for name in seen["environment"] if "TOKEN" in name]
    ours = {name for name in seen["environment"] if name.startswith("MILLRACE")}
    assert ours <= {"MILLRACE_COMMIT"}, "what its image says of itself, and nothing of the platform"
    assert (seen["secrets"], seen["names"]) == (False, [])
    assert "nameserver 127.0.0.1" in seen["resolver"]
    for service in ("registry", "training", "monitoring"):
        assert f"millrace-{service}" in seen["hosts"], "the agent beside it needs them"
    spec = pod["spec"]
    (code,) = [item for item in spec["initContainers"] if item["name"] == "code"]
    assert code["image"].endswith(f"training-cpu:{release.tag}")
    assert not spec.get("shareProcessNamespace")
    kube.kubectl("delete", "pod", first, "-n", release.namespace, "--wait=false")
    kube.until("another pod", 240, lambda: set(jobs(release)) - {first}, release.namespace)
    kube.until("a champion", 600, lambda: story.champion(kube, LOOP), release.namespace)
    version = release.call(f"client.registry.version({LOOP!r}, 1)", TEAM)
    made = version["environment"]["code"]
    assert (made["digest"], made["guards"]["network"]) == (packed, "by policy")
    runs = release.call(f"client.controller.runs({LOOP!r})", TEAM)
    assert [run["state"] for run in runs if run["version"] == 1] == ["promoted"]


def test_its_model_answers_and_tells_each_of_its_forms(release, packed):
    row = {f"x{number}": 0.5 for number in range(12)}
    answer = release.call(f"client.serving.predict({LOOP!r}, [{row!r}])", TEAM)
    assert answer["version"] == 1
    forms = release.call(f"client.registry.version({LOOP!r}, 1).variants", TEAM)
    base, int8 = forms
    assert (base["target"], int8["target"]) == ("ort-cpu-fp32", "ort-cpu-int8")
    assert int8["state"] == "kept", int8["reason"]
    assert int8["quantised"] > 0
    assert int8["agreement"] > 0.99
    assert int8["measured"]["exclusive"] is False, (
        "in a pod nobody knows what else is measured on the machine"
    )
