"""More requests get more pods, and fewer get fewer, on a real cluster: no request fails while they come and go."""

import json
import time

import pytest
from tests.cluster import aggregation
from tests.cluster import test_story as story
from tests.cluster.kube import condition
from tests.cluster.work import crowding, predicting

pytestmark = pytest.mark.timeout(1500)
TEAM, LOOP = story.TEAM, "tumours"
VALUES = {"autoscaling": {"enabled": True, "scaleDownSeconds": 30}}
MOST, AIM, CLIENTS = 3, 0.25, 8
"""Pods at most, requests in flight for each, and clients of the load step: much more than the aim, on two cores."""
METRIC = "millrace_requests_in_flight"
STRANGER = """
import json, socket, ssl
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
said = b""
try:
    with socket.create_connection(("millrace-autoscaler", 443), 10) as plain, context.wrap_socket(plain) as secure:
        secure.sendall(b"GET /apis/custom.metrics.k8s.io/v1beta2 HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n")
        said = secure.recv(4096)
except (ssl.SSLError, ConnectionError) as error:
    print(json.dumps(f"refused: {type(error).__name__}"))
else:
    print(json.dumps(f"said: {said[:100]!r}" if said else "refused: closed"))
"""


@pytest.fixture(scope="session", autouse=True)
def aggregated(kube):
    """Before the release gets the adapter, which is not Ready where nobody could ask it."""
    try:
        aggregation.ensure(kube)
    except aggregation.NoAggregation as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def scaling(kube, release):
    """The story's loop, which asks to be scaled, in an installation with the adapter."""
    story.with_champion(kube, release)
    runs = story.loop(kube)["status"]["run"]["number"]
    declare(kube, {"autoscaling": {"min": 1, "max": MOST, "inFlight": AIM}})
    yield release
    declare(kube, None)
    kube.until("no autoscaler", 60, lambda: not autoscalers(kube, release))
    assert story.loop(kube)["status"]["run"]["number"] == runs, (
        "how many pods there are is no reason to train"
    )


def declare(kube, serving):
    patch = json.dumps({"spec": {"serving": serving}})
    kube.kubectl("patch", "modelloop", LOOP, "-n", TEAM, "--type=merge", "-p", patch)


def autoscalers(kube, release):
    return kube.get("horizontalpodautoscalers", release.namespace, f"millrace.dev/endpoint={LOOP}")


def champion(kube, release):
    """The Deployment behind the endpoint."""
    number = release.call(f"client.serving.endpoint({LOOP!r})", TEAM)["stable"]
    (found,) = kube.get(
        "deployments", release.namespace, f"millrace.dev/endpoint={LOOP},millrace.dev/revision={number}"
    )
    return found


def ready(kube, release):
    return champion(kube, release)["status"].get("readyReplicas", 0)


def told(kube):
    """How many pods, as the resource's status says."""
    return ((story.loop(kube)["status"].get("champion") or {}).get("replicas")) or {}


def metric(kube, release, name, *more):
    place = f"/apis/custom.metrics.k8s.io/v1beta2/namespaces/{release.namespace}/services/{name}/{METRIC}"
    return kube.kubectl("get", "--raw", place, *more, check=False)


def test_the_api_server_asks_the_adapter_and_nobody_else_is_answered(kube, scaling):
    (autoscaler,) = kube.until("an autoscaler", 60, lambda: autoscalers(kube, scaling), scaling.namespace)
    name = autoscaler["metadata"]["name"]
    kube.until(
        "the metric through the API server",
        90,
        lambda: '"value"' in metric(kube, scaling, name),
        scaling.namespace,
    )
    assert "orbidden" in metric(kube, scaling, name, f"--as=system:serviceaccount:{TEAM}:default")
    stranger = scaling.python(STRANGER)
    print("\na pod that asks the adapter itself:", stranger)
    assert stranger.startswith("refused")


def test_a_load_step_adds_pods_and_its_end_takes_them_away_and_no_request_fails(kube, scaling):
    kube.until("one pod, and its load known", 180, lambda: settled(kube, scaling), scaling.namespace)
    with predicting(scaling, TEAM, LOOP, 0.2) as steady:
        with crowding(scaling, TEAM, LOOP, CLIENTS, 0.005) as crowd:
            began = time.monotonic()
            kube.until(
                "a second pod that is Ready", 240, lambda: ready(kube, scaling) >= 2, scaling.namespace
            )
            added = time.monotonic() - began
            status = kube.until(
                "more pods in the status", 60, lambda: told(kube).get("wanted", 0) >= 2 and told(kube)
            )
            time.sleep(45)
            most = ready(kube, scaling)
        ended = time.monotonic()
        kube.until("one pod again", 300, lambda: settled(kube, scaling), scaling.namespace)
        gone = time.monotonic() - ended
        time.sleep(20)
    print(
        f"\nfirst added pod Ready after {added:.0f} s, {most} at the end of the step, one again after {gone:.0f} s"
    )
    print(
        "status:",
        json.dumps(status),
        "\ncrowd:",
        json.dumps(crowd.found),
        "\nsteady:",
        json.dumps(steady.found),
    )
    assert status["least"] == 1
    assert status["most"] == MOST
    assert crowd["failures"] == []
    assert steady["failures"] == []


def settled(kube, release):
    """One pod, and the loop says that its load calls for no more."""
    found = champion(kube, release)
    alone = found["spec"]["replicas"] == 1 and found["status"].get("replicas") == 1
    return alone and condition(story.loop(kube), "Scaled").get("reason") == "AsWanted"


def test_without_the_adapter_pods_stay_and_the_loop_says_that_its_load_is_not_known(kube, scaling):
    kube.kubectl("scale", "deployment/millrace-autoscaler", "-n", scaling.namespace, "--replicas=0")
    try:
        kube.until(
            "the condition",
            180,
            lambda: condition(story.loop(kube), "Scaled").get("reason") == "LoadUnknown",
            scaling.namespace,
        )
        assert ready(kube, scaling) == 1
    finally:
        kube.kubectl("scale", "deployment/millrace-autoscaler", "-n", scaling.namespace, "--replicas=1")
    kube.until("its load known again", 180, lambda: settled(kube, scaling), scaling.namespace)
