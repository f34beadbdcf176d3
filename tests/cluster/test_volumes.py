"""Volumes of a release of its own, whose pods need not run: they grow where they can, else nothing is changed."""

import json

import pytest
from tests.cluster.release import ENFORCED, NAME, Release

pytestmark = pytest.mark.timeout(300)
NAMESPACE, CLAIM = "millrace-disks", f"{NAME}-training"


@pytest.fixture(scope="module")
def disks(kube, release):
    """A release beside the other one, with bound volumes; it watches nothing."""
    made = Release(kube, NAMESPACE, "none", {"controller.operator.enabled": False})
    kube.namespace(NAMESPACE, **ENFORCED)
    made.upgrade(wait=False)
    kube.until("bound volumes", 60, lambda: size(kube, "status.capacity.storage"), NAMESPACE)
    yield made
    made.uninstall()
    kube.kubectl("delete", "pvc", "--all", "-n", NAMESPACE)
    for volume in unclaimed(kube):
        kube.kubectl("patch", "pv", volume, "--type=json", "-p", json.dumps(FORGET))
    kube.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


FORGET = [{"op": "remove", "path": "/spec/claimRef"}]
"""Of a volume that nobody wrote to, and that a class which retains volumes leaves to an administrator."""


def unclaimed(kube):
    """Names of retained volumes whose claims were this module's: the drill of a lost release needs four new ones."""
    volumes = json.loads(kube.kubectl("get", "pv", "-o", "json"))["items"]
    return [
        item["metadata"]["name"]
        for item in volumes
        if item["spec"].get("claimRef", {}).get("namespace") == NAMESPACE
        and item["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    ]


def size(kube, place="spec.resources.requests.storage"):
    """What the training service's claim asks for, or has."""
    return kube.kubectl("get", "pvc", CLAIM, "-n", NAMESPACE, "-o", f"jsonpath={{.{place}}}")


def history(kube):
    """Revisions of the release, as Helm keeps them."""
    return json.loads(kube.helm("history", NAME, "-n", NAMESPACE, "-o", "json"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("training.persistence.size=6Gi", "lets no volume grow to 6Gi; set it back to 5Gi"),
        ("training.persistence.size=1Gi", "has 5Gi already and cannot shrink to 1Gi; set it to 5Gi"),
        ("persistence.storageClass=faster", "which cannot be changed; keep it"),
    ],
)
def test_a_volume_that_cannot_be_changed_stops_the_upgrade_before_anything_is(kube, disks, change, says):
    before = history(kube)
    with pytest.raises(AssertionError) as refused:
        disks.upgrade("--set", change, wait=False)
    assert says in str(refused.value)
    assert history(kube) == before
    kube.helm("rollback", NAME, "1", "-n", NAMESPACE)


def test_a_volume_grows_where_its_class_lets_it_and_goes_back_by_an_upgrade(kube, disks):
    name = kube.kubectl("get", "pvc", CLAIM, "-n", NAMESPACE, "-o", "jsonpath={.spec.storageClassName}")
    kube.kubectl("patch", "storageclass", name, "-p", '{"allowVolumeExpansion": true}')
    try:
        disks.upgrade("--set", "training.persistence.size=6Gi", wait=False)
    finally:
        kube.kubectl("patch", "storageclass", name, "-p", '{"allowVolumeExpansion": false}')
    assert size(kube) == "6Gi"
    with pytest.raises(AssertionError, match="field can not be less than"):
        kube.helm("rollback", NAME, "1", "-n", NAMESPACE)
    disks.upgrade("--set", "training.persistence.size=6Gi", wait=False)
    assert history(kube)[-1]["status"] == "deployed"
