"""Why pods do not run, in one word and one sentence."""

import pytest

from millrace_core.waiting import PodWaiting, newest, of_event, of_pod


def pod(*conditions, init=(), **waiting):
    states = {"containerStatuses": [{"state": {"waiting": waiting}}] if waiting else None}
    states["initContainerStatuses"] = [{"state": {"waiting": state}} for state in init]
    return {"status": states | {"conditions": list(conditions)}}


NO_NODE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/2 nodes:\n no cpu",
}
GATED = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (pod(), None),
        ({}, None),
        (pod(reason="ContainerCreating"), None),
        (pod(reason="ImagePullBackOff", message="no such image"), "ImagePullBackOff: no such image"),
        (pod(reason="ErrImagePull", message="no such image"), "ImagePullBackOff: no such image"),
        (pod(reason="InvalidImageName"), "InvalidImageName"),
        (pod(init=[{"reason": "CreateContainerConfigError", "message": "no secret"}], reason="PodInitializing"),
         "CreateContainerConfigError: no secret"),
        (pod(NO_NODE), "Unschedulable: 0/2 nodes: no cpu"),
        (pod(GATED), "SchedulingGated"),
    ],
)  # fmt: skip
def test_a_pod_that_waits_for_what_will_not_pass_by_itself_says_so(given, told):
    found = of_pod(given)
    assert (found and str(found)) == told


def test_a_quota_is_named_whoever_stumbled_over_it():
    words = 'Error creating: pods "a" is forbidden: exceeded quota: team-a'
    assert of_event({"reason": "FailedCreate", "message": words}) == PodWaiting("QuotaExceeded", words)
    assert of_event({"reason": "FailedMount", "message": "no volume"}).reason == "FailedMount"
    assert of_event({}) == PodWaiting("Warning", "")


def test_the_newest_warning_counts_but_for_what_the_pods_own_status_tells_better():
    mount = {"reason": "FailedMount", "message": "no volume", "lastTimestamp": "2026-01-01T00:00:01Z"}
    older = {"reason": "FailedCreate", "message": "no account", "eventTime": "2026-01-01T00:00:00Z"}
    stale = {"reason": "FailedScheduling", "message": "no node", "lastTimestamp": "2026-01-01T00:00:02Z"}
    assert newest([mount, older, stale]) == PodWaiting("FailedMount", "no volume")
    assert newest([stale]) is None
