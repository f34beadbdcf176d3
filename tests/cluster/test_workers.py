"""Workers that train by code of a team's own together, as pods of a RayJob that a real KubeRay runs."""

from pathlib import Path

import pytest
import yaml
from tests.cluster import test_own_code as own
from tests.cluster import test_story as story

pytestmark = pytest.mark.timeout(1500)
TEAM, LOOP = story.TEAM, "together"
CODE = Path(__file__).parents[2] / "docs" / "howto" / "own-training-workers" / "train.py"
PACK = own.PACK.replace(repr(own.INSIDE.read_text()), repr(CODE.read_text()))


SMALL = ("registry", "training", "serving", "monitoring", "controller", "gateway", "embeddedPostgres")
VALUES = {f"{name}.resources.requests.cpu": "10m" for name in SMALL}


@pytest.fixture(scope="module")
def roomy(kube, release):
    """The release with requests so small that two cores have room for a head and a worker's whole CPU."""
    if kube.kubectl("get", "crd", "rayjobs.ray.io", "--ignore-not-found") == "":
        pytest.skip("no KubeRay")
    return release


@pytest.fixture(scope="module")
def packed(kube, roomy):
    """Digest of the how-to's example in the registry."""
    yield roomy.python(PACK)
    kube.kubectl("delete", "modelloop", LOOP, "-n", TEAM, "--ignore-not-found", timeout=30)


def declared(digest, tag):
    """A loop that a worker trains: two cores have no room for more."""
    document = yaml.safe_load(own.declared(digest, tag, LOOP, waits=False, variants=["none"]))
    training = document["spec"]["training"]
    training |= {"executor": "ray", "workers": 1, "resources": {"cpu": 1}}
    training["code"]["params"] = {"epochs": 40}
    return yaml.safe_dump(document)


def test_a_worker_in_a_pod_of_a_ray_job_brings_a_champion(kube, roomy, packed):
    kube.apply(declared(packed, roomy.tag), TEAM)
    kube.until("the loop is taken up", 90, lambda: (story.loop(kube, LOOP).get("status") or {}).get("phase"))
    if own.DATASET not in roomy.call(story.ROWS, TEAM):
        assert roomy.python(own.PUSH, LOOP) is True
    mine = f"millrace.dev/loop={LOOP}"
    (ray, *_) = kube.until(
        "its RayJob", 300, lambda: kube.get("rayjobs.ray.io", roomy.namespace, mine), roomy.namespace
    )
    name = ray["metadata"]["name"]
    policy = kube.until("its pods may meet", 60, lambda: policy_of(kube, roomy, name), roomy.namespace)
    (owner,) = policy["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("RayJob", ray["metadata"]["uid"])
    assert policy["spec"]["podSelector"]["matchLabels"]["millrace.dev/project"] == TEAM
    kube.until("a champion", 900, lambda: story.champion(kube, LOOP), roomy.namespace)
    version = roomy.call(f"client.registry.version({LOOP!r}, 1)", TEAM)
    code = version["environment"]["code"]
    assert code["digest"] == packed
    assert [start["workers"] for start in code["workers"]["starts"]] == [1]


def policy_of(kube, release, name):
    """The NetworkPolicy that training made for a RayJob."""
    found = kube.get("networkpolicies", release.namespace)
    return next((item for item in found if item["metadata"]["name"] == name), None)
