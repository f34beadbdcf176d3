"""Workers that train by code of a team's own together, as pods of a RayJob that a real KubeRay runs."""

import json
from pathlib import Path

import pytest
import yaml
from tests.cluster import test_own_code as own
from tests.cluster import test_story as story

pytestmark = pytest.mark.timeout(1500)
TEAM, LOOP = story.TEAM, "together"
CODE = Path(__file__).parents[2] / "docs" / "howto" / "own-training-workers" / "train.py"
PACK = own.PACK.replace(repr(own.INSIDE.read_text()), repr(CODE.read_text()))


@pytest.fixture(scope="module")
def packed(kube, release):
    """Digest of the how-to's example in the registry."""
    if kube.kubectl("get", "crd", "rayjobs.ray.io", "--ignore-not-found") == "":
        pytest.skip("no KubeRay")
    yield release.python(PACK)
    kube.kubectl("delete", "modelloop", LOOP, "-n", TEAM, "--ignore-not-found", timeout=30)


def declared(digest, tag):
    """A loop that two workers train, or one, as on a small machine the second pod may find no room."""
    document = yaml.safe_load(own.declared(digest, tag, LOOP, waits=False, variants=["none"]))
    training = document["spec"]["training"]
    training |= {"executor": "ray", "workers": 2, "minWorkers": 1, "resources": {"cpu": 1}}
    training["code"]["params"] = {"epochs": 40}
    return yaml.safe_dump(document)


def test_workers_in_pods_of_a_ray_job_bring_a_champion(kube, release, packed):
    kube.apply(declared(packed, release.tag), TEAM)
    kube.until("the loop is taken up", 90, lambda: (story.loop(kube, LOOP).get("status") or {}).get("phase"))
    assert release.python(own.PUSH, LOOP) is True
    made = kube.until(
        "its RayJob", 300, lambda: kube.get("rayjobs.ray.io", release.namespace, ""), release.namespace
    )
    assert made[0]["spec"]["rayClusterSpec"]["enableInTreeAutoscaling"] is True
    kube.until("a champion", 900, lambda: story.champion(kube, LOOP), release.namespace)
    version = release.call(f"client.registry.version({LOOP!r}, 1)", TEAM)
    code = version["environment"]["code"]
    print(json.dumps(code))
    assert code["digest"] == packed
    assert 1 <= code["workers"]["starts"][-1]["workers"] <= 2
