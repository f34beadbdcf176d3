"""Why a Kubeflow run does not start: told while it waits and when it is given up, as the cluster lets it be seen."""

import pytest

from millrace_controller.pipelines.kubeflow_pods import RunPods
from millrace_controller.runs import queries as runs
from millrace_controller.tables import Loop
from millrace_core.errors import Forbidden, NotFound

from .test_kubeflow_pipelines import backend, later, the_run, waiting  # noqa: F401
from .test_pipeline_jobs import FULL, PULL, pod

QUOTA = (
    'pods "loop-run-x-data" is forbidden: exceeded quota: team, requested: limits.cpu=1, used: limits.cpu=4'
)


class Namespace:
    """Pods and workflows of Kubeflow's namespace, as a controller with k8s/kubeflow's role sees them."""

    def __init__(self, run):
        self.run, self.pods, self.nodes, self.calls, self.error = run, [], None, 0, None

    async def list(self, kind, namespace, labels="", api_version="v1", keep=dict):
        assert (namespace, labels) == ("kubeflow", f"pipeline/runid={self.run}")
        self.calls += 1
        if self.error is not None:
            raise self.error
        if kind == "Pod":
            return self.pods
        assert (kind, api_version) == ("Workflow", "argoproj.io/v1alpha1")
        if self.nodes is None:
            raise NotFound("The cluster has no Workflow in argoproj.io/v1alpha1.")
        return [keep({"status": {"nodes": self.nodes}})]


@pytest.fixture
def namespace(waiting, backend):  # noqa: F811
    made = Namespace(backend.only_run()["run_id"])
    waiting.services.runners.kubeflow.pods = RunPods(made, "kubeflow", waiting.clock)
    return made


@pytest.mark.parametrize(
    ("pods", "reason", "words"),
    [
        ([pod("Pending", conditions=[FULL])], "Unschedulable", "no cpu"),
        ([pod("Running"), PULL], "ImagePullBackOff", "runner:1"),
    ],
)
async def test_a_run_tells_why_its_pod_does_not_start(waiting, namespace, pods, reason, words):  # noqa: F811
    namespace.pods = pods
    await later(waiting, 10)
    told = (await the_run(waiting))["waiting"]
    assert told["reason"] == reason
    assert words in told["message"]
    namespace.pods = [pod("Running")]
    await later(waiting, 10)
    assert (await the_run(waiting))["waiting"] is None


async def test_a_step_of_a_lost_attempt_hides_no_reason_of_the_next(waiting, namespace):  # noqa: F811
    """Its node is gone: the step never told its end, and for the next attempt there is no room."""
    body = {"state": "running", "message": "at work"}
    await waiting.call("PUT", "/v1/loops/sales/runs/1/steps/train", 200, json=body)
    waiting.clock.now += 100
    async with waiting.services.sessions.begin() as session:
        run = await runs.get(session, await session.get(Loop, 1), 1)
        run.pipeline = run.pipeline | {"begun": waiting.clock.now}
    namespace.pods = [pod("Pending", conditions=[FULL])]
    await later(waiting, 10)
    assert (await the_run(waiting))["waiting"]["reason"] == "Unschedulable"
    await later(waiting, 600)
    assert "it waits for room" in (await the_run(waiting))["message"]


async def test_a_quota_that_lets_no_pod_be_made_is_told_and_waited_for(waiting, backend, namespace):  # noqa: F811
    namespace.nodes = {
        "a": {"phase": "Running", "message": ""},
        "b": {"phase": "Pending", "message": QUOTA},
        "c": {"phase": "Pending", "message": "PodInitializing"},
    }
    await later(waiting, 10)
    shown = await the_run(waiting)
    assert shown["waiting"] == {"reason": "QuotaExceeded", "message": QUOTA}
    await later(waiting, 600)
    shown = await the_run(waiting)
    assert (shown["state"], shown["waiting"]["reason"]) == ("pending", "Queued")
    assert "QuotaExceeded" in shown["message"]
    assert "; it waits for room, and is given up at " in shown["message"]
    assert backend.only_run()["state"] == "CANCELING"


async def test_no_room_is_waited_for_though_kubeflow_calls_the_run_running(waiting, backend, namespace):  # noqa: F811
    """It does so as soon as its workflow controller has taken the run up, whatever becomes of the pods."""
    backend.move(backend.only_run(), "RUNNING", {})
    namespace.nodes = {"a": {"phase": "Pending", "message": QUOTA}}
    await later(waiting, 10)
    assert (await the_run(waiting))["waiting"]["reason"] == "QuotaExceeded"
    await later(waiting, 610)
    shown = await the_run(waiting)
    assert (shown["state"], shown["waiting"]["reason"]) == ("pending", "Queued")
    assert "stayed RUNNING for 600 s without a sign of progress: QuotaExceeded" in shown["message"]
    assert "; it waits for room, and is given up at " in shown["message"]


async def test_a_later_step_for_which_there_is_no_room_is_waited_for_too(waiting, backend, namespace):  # noqa: F811
    for state in ("running", "succeeded"):
        body = {"state": state, "message": "data version 1"}
        await waiting.call("PUT", "/v1/loops/sales/runs/1/steps/validate", 200, json=body)
    backend.move(backend.only_run(), "RUNNING", {"data": "SUCCEEDED"})
    await later(waiting, 300)
    namespace.pods = [pod("Succeeded"), pod("Pending", conditions=[FULL])]
    await later(waiting, 500)
    shown = await the_run(waiting)
    assert (shown["state"], shown["waiting"]["reason"]) == ("running", "Unschedulable")
    await later(waiting, 110)
    shown = await the_run(waiting)
    assert (shown["state"], shown["waiting"]["reason"]) == ("pending", "Queued")
    assert "it waits for room" in shown["message"]


async def test_a_missing_image_is_in_the_last_words_of_the_attempts(waiting, namespace):  # noqa: F811
    namespace.pods = [PULL]
    await later(waiting, 610)
    shown = await the_run(waiting)
    assert shown["attempts"] == 2
    assert "stayed PENDING for 600 s without a sign of progress: ImagePullBackOff" in shown["message"]


async def test_pods_that_may_not_be_seen_are_no_trouble_and_the_remedy_is_told(waiting, namespace):  # noqa: F811
    namespace.error = Forbidden("pods is forbidden: the controller cannot list pods in kubeflow.")
    await later(waiting, 10)
    assert (await the_run(waiting))["waiting"] is None
    await later(waiting, 600)
    message = (await the_run(waiting))["message"]
    assert "its pods cannot be seen" in message
    assert "apply k8s/kubeflow" in message


async def test_pods_are_asked_for_every_few_seconds_at_most_and_not_while_a_step_works(
    waiting,  # noqa: F811
    backend,  # noqa: F811
    namespace,
):
    await later(waiting, 10)
    calls = namespace.calls
    for _ in range(5):
        await waiting.rest()
    assert namespace.calls == calls
    body = {"state": "running", "message": "at work"}
    await waiting.call("PUT", "/v1/loops/sales/runs/1/steps/train", 200, json=body)
    backend.move(backend.only_run(), "RUNNING", {"train": "RUNNING"})
    await later(waiting, 60)
    assert namespace.calls == calls


@pytest.mark.parametrize("seen", [True, False])
async def test_what_the_workflow_noted_of_a_pod_that_failed_is_told_where_it_may_be_seen(
    waiting,  # noqa: F811
    backend,  # noqa: F811
    namespace,
    seen,
):
    """Kubeflow's API has no word of it: a step that got no pod, or lost it, cannot speak."""
    words = 'pods "x" is forbidden: failed quota: team: must specify limits.cpu for: init,wait'
    namespace.nodes = {
        "a": {"type": "Pod", "phase": "Error", "message": "older", "finishedAt": "2026-01-01T00:00:01Z"},
        "b": {"type": "Pod", "phase": "Error", "message": words, "finishedAt": "2026-01-01T00:00:02Z"},
        "c": {
            "type": "Retry",
            "phase": "Error",
            "message": "No more retries left",
            "finishedAt": "2026-01-02",
        },
        "d": {"type": "Pod", "phase": "Succeeded", "message": "", "finishedAt": "2026-01-03"},
    }
    if not seen:
        namespace.error = Forbidden("workflows is forbidden")
    backend.move(backend.only_run(), "FAILED", {"data": "FAILED"})
    await waiting.rest()
    expected = words if seen else "its pods have the reason"
    assert (await the_run(waiting))["message"].startswith(f"the Kubeflow run failed in data: {expected}")
