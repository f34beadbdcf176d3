"""The watch hears of a resource's whole life from a real API server, and leaves nothing on it."""

import json
import queue

import pytest

from millrace_controller.operator.watching import Watch

from .kubectl import kubectl, least, needs_cluster, prepared

pytestmark = needs_cluster


@pytest.fixture
def namespace(tmp_path):
    with prepared(tmp_path / "crd.yaml") as name:
        yield name


def test_a_resource_is_heard_of_from_its_first_to_its_last_day(namespace):
    heard = queue.Queue()
    kubectl("create", "-f", "-", document=least("before", namespace), expect=0)
    watch = Watch("test", [namespace], lambda kind, resource: heard.put((kind, resource)))
    watch.start()
    try:
        kind, found = heard.get(timeout=20)
        assert (kind, found["metadata"]["name"]) == (None, "before")
        kubectl("create", "-f", "-", document=least("after", namespace), expect=0)
        assert next_of(heard, "after") == ("ADDED", 1)
        changed = json.dumps({"spec": {"cooldown": "3d"}})
        kubectl("patch", "ml/after", "-n", namespace, "--type=merge", "-p", changed, expect=0)
        assert next_of(heard, "after", passing=("MODIFIED", 1)) == ("MODIFIED", 2)
        _, said = kubectl("get", "ml/after", "-n", namespace, "-o", "json", expect=0)
        assert not {"finalizers", "annotations"} & json.loads(said)["metadata"].keys()
        kubectl("delete", "ml/after", "-n", namespace, expect=0)
        assert next_of(heard, "after", passing=("MODIFIED", 2))[0] == "DELETED"
        assert watch.alive
    finally:
        watch.stop()
    assert not watch.alive


def next_of(heard, name, passing=None):
    """What is heard next of the resource; *passing*: not what a release on the same cluster does to its status."""
    while True:
        kind, resource = heard.get(timeout=20)
        came = kind, resource["metadata"]["generation"]
        if resource["metadata"]["name"] == name and came != passing:
            return came
