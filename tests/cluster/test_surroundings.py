"""What companies put around everything: a registry that wants a Secret, restricted pods, a proxy in the environment."""

import json

import pytest
from tests.cluster import test_story as story
from tests.cluster.release import MINE, SERVICES
from tests.cluster.test_waiting import PENDING, loop, patient, says
from tests.cluster.test_waiting import VALUES as PATIENT

pytestmark = pytest.mark.timeout(900)
__all__ = ["patient"]
TEAM, LOOP = story.TEAM, "surrounded"
NOWHERE = "http://127.0.0.1:9"
"""A proxy that nobody answers at: what goes there fails."""
ENDED = "app.kubernetes.io/component in (job,pipeline)"
"""Pods of runs; those from before have no secret."""
PROXIES = [
    {"name": name, "value": NOWHERE} for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
]
VALUES = PATIENT | {
    "global.imagePullSecrets": [{"name": "mirror"}],
    **{f"{name}.extraEnv": PROXIES for name in SERVICES},
}
"""A pull secret for every pod, and a proxy in every service's environment."""


@pytest.fixture(scope="module")
def surrounded(kube, patient):
    yield patient
    kube.kubectl("delete", "modelloop", LOOP, "-n", TEAM, "--ignore-not-found", timeout=10)


def secrets(pod):
    """Names of the Secrets with which its images are pulled."""
    return [item["name"] for item in pod["spec"].get("imagePullSecrets", [])]


def test_a_loop_goes_on_behind_a_proxy_and_every_pod_has_the_registrys_secret(kube, surrounded):
    ended = {pod["metadata"]["name"] for pod in kube.get("pods", surrounded.namespace, ENDED)}
    kube.apply(story.LOOP.replace("tumours", LOOP, 1), TEAM)
    seen = {}

    def look():
        for pod in kube.get("pods", surrounded.namespace, MINE):
            if "deletionTimestamp" not in pod["metadata"] and pod["metadata"]["name"] not in ended:
                seen[pod["metadata"]["name"]] = pod
        return story.champion(kube, LOOP)

    kube.until("a champion", 300, look, surrounded.namespace)
    parts = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in seen.values()}
    assert {"job", "pipeline", "triton", "gateway", "postgres", "migrate", *SERVICES} <= parts
    asked = {name: secrets(pod) for name, pod in seen.items()}
    assert set(map(tuple, asked.values())) == {("mirror",)}, asked
    answer = surrounded.python(story.PREDICT.replace('"tumours"', repr(LOOP)))
    assert answer["version"] == 1


def test_a_registry_whose_secret_is_missing_is_named_by_the_loop(kube, surrounded):
    surrounded.upgrade("--set", "training.job.image.tag=nowhere")
    kube.apply(loop("unpulled", "{search: {trials: 2}, folds: 3}"), TEAM)
    kube.until(
        "it tells", 60, lambda: says(kube, "unpulled", "Stalled", "ImagePullBackOff"), surrounded.namespace
    )
    ended = surrounded.call(f"client.controller.await_run('unpulled', 1, timeout={PENDING + 90})", TEAM)
    assert ended["state"] == "failed"
    assert f"mirror is a Secret of the namespace {surrounded.namespace}" in ended["message"]
    kube.kubectl("delete", "modelloop", "unpulled", "-n", TEAM, timeout=10)


def test_no_pod_was_refused_by_the_namespaces_rules(kube, release):
    labels = json.loads(kube.kubectl("get", "namespace", release.namespace, TEAM, "-o", "json"))["items"]
    assert {item["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] for item in labels} == {
        "restricted"
    }
    for namespace in (release.namespace, TEAM):
        told = [item["message"] for item in kube.get("events", namespace) if item["reason"] == "FailedCreate"]
        assert [text for text in told if "PodSecurity" in text] == []
