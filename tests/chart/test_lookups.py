"""What the chart sees of a cluster before it changes anything: a second release, and volumes that are there already."""

import pytest
from tests.chart import apiserver
from tests.chart.rendering import Refused, case_objects, kind
from tests.chart.rendering import render as alone

OWN = (
    "--set",
    "controller.operator.watchAllNamespaces=false",
    "--set",
    "controller.operator.namespaces={team-b}",
)


def installed(objects):
    """What the release millrace made, as Helm marks it in the cluster."""
    marks = {"meta.helm.sh/release-name": "millrace", "meta.helm.sh/release-namespace": "millrace"}
    for found in objects:
        found["metadata"].setdefault("annotations", {}).update(marks)
    return objects


def everywhere():
    return installed(alone())


def in_namespaces():
    """A release for team-a and team-b alone."""
    return installed(case_objects("namespaces"))


def refusal(folder, objects, *arguments, **other):
    with pytest.raises(Refused) as told:
        apiserver.render(folder, objects, *arguments, **other)
    return str(told.value)


def test_a_second_release_that_would_follow_the_same_loops_is_refused_with_both_ways_out(tmp_path):
    said = refusal(tmp_path, everywhere(), release="second", namespace="second")
    assert 'controller.operator.watchAllNamespaces: the release "millrace" in millrace follows' in said
    assert "ClusterRole millrace-millrace-modelloops" in said
    assert "controller.operator.namespaces, or set controller.operator.enabled to false" in said


def test_one_of_the_same_name_in_another_namespace_is_another(tmp_path):
    assert "in millrace follows" in refusal(tmp_path, everywhere(), namespace="elsewhere")


def test_one_that_would_follow_all_is_refused_beside_one_that_follows_some(tmp_path):
    said = refusal(tmp_path, in_namespaces(), release="second", namespace="second")
    assert "of team-a already (its Role millrace-modelloops)" in said


def test_one_with_a_namespace_of_somebody_else_is_refused_by_the_path_of_its_list(tmp_path):
    said = refusal(tmp_path, in_namespaces(), *OWN, release="second", namespace="second")
    assert "controller.operator.namespaces: the release" in said
    assert "of team-b already" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("--set", "controller.operator.enabled=false"),
        ("--set", "controller.operator.watchAllNamespaces=false", "--set", "controller.operator.namespaces={team-c}"),
    ],
)  # fmt: skip
def test_one_that_follows_none_or_others_is_taken(tmp_path, arguments):
    made = apiserver.render(tmp_path, in_namespaces(), *arguments, release="second", namespace="second")
    assert kind(made, "Deployment")


def test_an_upgrade_is_no_second_release_and_renders_what_no_cluster_does(tmp_path):
    assert apiserver.render(tmp_path, everywhere()) == alone()
    assert apiserver.render(tmp_path, []) == alone()


def test_who_may_not_look_at_cluster_roles_can_still_follow_namespaces_of_their_own(tmp_path):
    """They cannot see a release that follows all, which docs/howto/production.md says."""
    made = apiserver.render(
        tmp_path, everywhere(), *OWN, release="second", namespace="second", forbidden=["ClusterRole"]
    )
    assert not kind(made, "ClusterRole")


def volumes(grows=False, storage="fast"):
    """The claims of a release, bound to volumes of 10 GiB or what the chart says, and their class."""
    claims = kind(everywhere(), "PersistentVolumeClaim")
    for claim in claims:
        claim["spec"]["storageClassName"] = storage
    meta = {"name": storage}
    return [*claims, {"kind": "StorageClass", "apiVersion": "storage.k8s.io/v1", "metadata": meta,
                      "provisioner": "example.org/disk", "allowVolumeExpansion": grows}]  # fmt: skip


@pytest.mark.parametrize(
    ("grows", "given", "said"),
    [
        (True, "registry.persistence.size=9Gi", "registry.persistence.size: the volume millrace-registry has 10Gi"),
        (False, "training.persistence.size=6Gi", "training.persistence.size: the volume millrace-training has 5Gi"),
        (True, "persistence.storageClass=slow", "persistence.storageClass: the volume"),
        (True, "monitoring.persistence.storageClass=slow", "monitoring.persistence.storageClass: the volume"),
        (True, "embeddedPostgres.persistence.size=8000Mi", "embeddedPostgres.persistence.size: the volume"),
    ],
)  # fmt: skip
def test_what_a_volume_cannot_become_is_said_before_anything_is_changed(tmp_path, grows, given, said):
    assert said in refusal(tmp_path, volumes(grows), "--set", given)


@pytest.mark.parametrize("given", ["registry.persistence.size=11Gi", "registry.persistence.size=10240Mi"])
def test_a_volume_grows_where_its_class_lets_it(tmp_path, given):
    made = apiserver.render(tmp_path, volumes(grows=True), "--set", given)
    assert len(kind(made, "PersistentVolumeClaim")) == 4
