"""Loop runs through Kubeflow Pipelines: found again after a crash, given up in time, retried, terminated, shown."""

import json
import time
from datetime import UTC, datetime

import httpx
import pytest
import yaml
from pipelines.compile import COMPILED
from tests.contract.kfp.backend import LONGEST, Backend, Died

from millrace_contracts.verdicts import GatesVerdict
from millrace_controller.pipelines import runners, submission
from millrace_controller.pipelines.attempts import Attempt
from millrace_controller.pipelines.kubeflow import STEPS, KubeflowPipelines, Refused
from millrace_controller.runs import queries as runs
from millrace_controller.runs import tending
from millrace_core.errors import Unavailable

from .conftest import document, in_process, made_home, running
from .fakes import World

TEND = tending.tend
RESOURCES = json.dumps(
    {
        "requests": {"cpu": "20m", "memory": "128Mi"},
        "limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"},
    }
)
IMAGE = "registry.example/millrace/pipeline-runner@sha256:" + "0" * 64


class Clock:
    """Time that only a test moves; nobody sleeps."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def backend(monkeypatch, still):
    """A backend that every controller of the test finds under its URL."""
    made = Backend()

    def client(url):
        return KubeflowPipelines(url, httpx.ASGITransport(made))

    async def soon(seconds):
        return None

    monkeypatch.setattr(tending, "tend", TEND)
    monkeypatch.setattr(runners, "KubeflowPipelines", client)
    monkeypatch.setattr(submission.asyncio, "sleep", soon)
    monkeypatch.setenv("MILLRACE_KFP_URL", "http://ml-pipeline.test")
    monkeypatch.setenv("MILLRACE_KFP_UI_URL", "https://pipelines.example/")
    monkeypatch.setenv("MILLRACE_RUNNER_IMAGE", IMAGE)
    monkeypatch.setenv("MILLRACE_RUNNER_RESOURCES", RESOURCES)
    monkeypatch.setenv("MILLRACE_REGISTRY_URL", "http://millrace-registry.millrace.svc:8080")
    return made


@pytest.fixture
async def waiting(home, world, backend):
    """A loop whose first run has been handed to Kubeflow."""
    async with running(home, world) as platform:
        platform.clock = platform.services.runners.kubeflow.clock = Clock(time.time())
        world.add_data("sales", 1000)
        await platform.apply(document())
        await platform.rest()
        yield platform


async def the_run(platform):
    return (await platform.runs())[0]


async def do_steps(platform):
    """What the pods of the run do."""
    async with platform.services.readers() as session:
        loop = await session.get(runs.Loop, 1)
        flight = await runs.in_flight(session, 1)
    await in_process(platform.services, loop, flight)
    await platform.rest()


async def later(platform, seconds):
    platform.clock.now += seconds
    await platform.rest()


async def test_a_run_goes_through_kubeflow_and_its_link_is_on_the_run_and_its_decision(waiting, backend):
    made, shown = backend.only_run(), await the_run(waiting)
    link = f"https://pipelines.example/#/runs/details/{made['run_id']}"
    assert shown["state"] == "running"
    assert {name: shown["pipeline"][name] for name in ("runner", "id", "link")} == {
        "runner": "kubeflow", "id": made["run_id"], "link": link,
    }  # fmt: skip
    assert made["runtime_config"] == {"parameters": {"project": "default", "loop": "sales", "run": 1}}
    assert made["service_account"] == "millrace-pipeline"
    backend.move(made, "RUNNING", {"data": "RUNNING"})
    await do_steps(waiting)
    assert (await the_run(waiting))["state"] == "promoted"
    (closed,) = waiting.world.of_kind("run.closed")
    assert closed["measured"]["pipeline"]["link"] == link
    assert "pipeline" not in closed["evidence"]
    (judged,) = waiting.world.of_kind("gate.verdict")
    assert judged["measured"]["pipeline"]["link"] == link
    assert "pipeline" not in judged["evidence"]


async def test_the_run_in_kubeflow_says_whose_it_is_and_how_to_ask_why(waiting, backend):
    decision = (await the_run(waiting))["decision"]
    words = f"Run 1 of the loop sales of Millrace, attempt 1. Why: 'millrace explain {decision}'"
    assert backend.only_run()["description"] == words


def test_the_longest_names_leave_a_description_that_kubeflow_can_keep():
    longest = Attempt(
        project="p" * 63, loop="l" * 63, run=2**31, number=99, opened=datetime.now(UTC), steps={}, rejected=False,
        wall_seconds=1, before=None, decision="d" * 36,
    )  # fmt: skip
    assert len(submission.described(longest)) <= LONGEST


def test_the_steps_that_failures_are_named_by_are_those_of_the_pipeline():
    spec = yaml.safe_load((COMPILED / "loop-run.yaml").read_text())
    assert {name.removeprefix("exec-") for name in spec["deploymentSpec"]["executors"]} == set(STEPS)


async def test_the_uploaded_pipeline_has_the_installations_image_and_addresses_and_is_uploaded_once(
    waiting, backend
):
    (version,) = backend.versions.values()
    for executor in version["pipeline_spec"]["deploymentSpec"]["executors"].values():
        environment = {item["name"]: item["value"] for item in executor["container"]["env"]}
        assert executor["container"]["image"] == IMAGE
        assert environment["MILLRACE_REGISTRY_URL"] == "http://millrace-registry.millrace.svc:8080"
        assert not any("TOKEN" in name and name != "MILLRACE_TOKEN_AUDIENCE" for name in environment)
        assert executor["container"]["resources"] == {
            "resourceCpuRequest": "20m", "resourceMemoryRequest": "128Mi",
            "resourceCpuLimit": "1", "resourceMemoryLimit": "1Gi",
        }  # fmt: skip
    backend.move(backend.only_run(), "FAILED")
    await waiting.rest()
    assert len(backend.versions) == len(backend.pipelines) == len(backend.experiments) == 1


async def hand_over(home, world, backend):
    """A loop is applied and its run handed to Kubeflow; a controller that dies is started again."""
    for _ in range(2):
        async with running(home, world) as platform:
            await platform.apply(document())
            try:
                return await platform.rest()
            except Died:
                backend.die_at = None


@pytest.mark.slow
async def test_a_crash_before_or_after_any_write_to_kubeflow_leaves_one_run(tmp_path, migrated, backend):
    calm = World()
    calm.add_data("sales", 1000)
    await hand_over(made_home(tmp_path / "calm", migrated), calm, backend)
    calls = list(backend.calls)
    assert calls[-1] == "POST /runs"
    writes = [(place, call) for place, call in enumerate(calls) if call.startswith("POST")]
    for place, call in writes:
        for after in (False, True):
            world, backend.calls = World(), []
            for known in (backend.runs, backend.experiments, backend.pipelines, backend.versions):
                known.clear()
            backend.die_at, backend.die_after = place, after
            world.add_data("sales", 1000)
            await hand_over(made_home(tmp_path / f"{place}-{after}", migrated), world, backend)
            assert backend.die_at is None, call
            assert len(backend.runs) == len(backend.experiments) == len(backend.versions) == 1, (call, after)


async def test_a_controller_that_dies_before_it_notes_the_run_finds_it_again(
    home, world, backend, monkeypatch
):
    move, deaths = runs.move, []

    async def dies_once(session, run, state, **values):
        if not deaths:
            deaths.append(run.number)
            raise Died
        await move(session, run, state, **values)

    world.add_data("sales", 1000)
    monkeypatch.setattr(runs, "move", dies_once)
    for expected in ("pending", "running"):
        async with running(home, world) as platform:
            await platform.apply(document())
            try:
                await platform.rest()
            except Died:
                assert expected == "pending"
            assert (await the_run(platform))["state"] == expected
    assert backend.only_run()["display_name"].startswith("sales-1-")
    assert deaths == [1]


async def test_a_run_that_stays_pending_for_ever_is_terminated_and_tried_anew_then_failed(waiting, backend):
    for attempt in (1, 2, 3):
        assert (await the_run(waiting))["attempts"] == attempt
        await later(waiting, 590)
        assert (await the_run(waiting))["state"] == "running"
        await later(waiting, 20)
        await waiting.rest()
    shown = await the_run(waiting)
    assert shown["state"] == "failed"
    assert "stayed PENDING for 600 s" in shown["message"]
    assert "persistence agent" in shown["message"]
    assert len(backend.runs) == 3
    assert {run["state"] for run in backend.runs.values()} == {"CANCELING"}
    assert len({run["display_name"] for run in backend.runs.values()}) == 3


async def test_a_run_whose_steps_report_is_not_given_up_though_kubeflow_says_pending(waiting, backend):
    await later(waiting, 500)
    body = {"state": "running", "message": "at work"}
    await waiting.call("PUT", "/v1/loops/sales/runs/1/steps/train", 200, json=body)
    await later(waiting, 300)
    await later(waiting, 3000)
    assert (await the_run(waiting))["state"] == "running"
    await later(waiting, 100_000)
    assert "without a sign of progress" in (await the_run(waiting))["message"]


async def test_a_refused_candidate_needs_no_word_of_kubeflow(waiting, backend):
    backend.move(backend.only_run(), "RUNNING", {"evaluate": "SUCCEEDED"})
    await waiting.rest()
    async with waiting.services.sessions.begin() as session:
        run = await runs.get(session, await session.get(runs.Loop, 1), 1)
        run.verdict = GatesVerdict(verdict="failed", reason="it is no better", gates=[])
    await later(waiting, 100)
    assert (await the_run(waiting))["state"] == "running"
    await later(waiting, 30)
    shown = await the_run(waiting)
    assert (shown["state"], shown["attempts"]) == ("rejected", 1)


async def test_a_failure_that_kubeflow_never_hears_of_ends_its_attempt(waiting, backend):
    """An outage can cut its agent off from a run for ever: failed in Argo, running in Kubeflow."""
    backend.move(backend.only_run(), "RUNNING", {"train": "RUNNING"})
    body = {"state": "failed", "message": "the registry did not answer"}
    await waiting.call("PUT", "/v1/loops/sales/runs/1/steps/train", 200, json=body)
    await waiting.rest()
    await later(waiting, 130)
    shown = await the_run(waiting)
    assert (shown["state"], shown["attempts"], len(backend.runs)) == ("running", 2, 2)
    await waiting.call(
        "PUT", "/v1/loops/sales/runs/1/steps/train", 200, json={**body, "message": "no memory", "final": True}
    )
    waiting.clock.now = time.time()  # the second attempt began before that report
    async with waiting.services.sessions.begin() as session:
        run = await runs.get(session, await session.get(runs.Loop, 1), 1)
        run.pipeline = run.pipeline | {"begun": waiting.clock.now - 60}
    await waiting.rest()
    await later(waiting, 130)
    shown = await the_run(waiting)
    assert (shown["state"], shown["message"]) == ("failed", "train: no memory")


async def test_attempts_in_which_no_step_could_speak_are_made_ever_further_apart(waiting, backend):
    """An outage of a minute, of the object store or the metadata, does not cost the run."""
    for number, pause in ((1, 30), (2, 120)):
        for run in backend.runs.values():
            if run["state"] != "FAILED":
                backend.move(run, "FAILED", {"data": "FAILED"})
        await waiting.rest()
        await later(waiting, pause - 1)
        shown = await the_run(waiting)
        assert (shown["state"], shown["attempts"]) == ("pending", number)
        assert shown["message"].startswith("the Kubeflow run failed in data: ")
        await later(waiting, 2)
        assert (await the_run(waiting))["attempts"] == number + 1


@pytest.mark.parametrize("refusal", [(400, 9, "cannot retry"), (500, 13, "Failed to retry a run")])
async def test_a_retry_that_the_backend_refuses_is_a_new_run(waiting, backend, refusal):
    backend.move(backend.only_run(), "FAILED", {"train": "FAILED"})
    backend.retry_refused = refusal
    await waiting.rest()
    await later(waiting, 31)
    shown = await the_run(waiting)
    assert (shown["state"], shown["attempts"], len(backend.runs)) == ("running", 2, 2)


async def test_a_run_without_a_state_waits_and_is_given_up_in_time(waiting, backend):
    backend.forget_state(backend.only_run())
    await later(waiting, 590)
    assert (await the_run(waiting))["state"] == "running"
    await later(waiting, 20)
    shown = await the_run(waiting)
    assert (shown["state"], shown["attempts"], len(backend.runs)) == ("running", 2, 2)


async def test_a_failed_run_is_retried_in_place_and_a_final_failure_is_not(waiting, backend):
    made = backend.only_run()
    body = {"state": "failed", "message": "the registry did not answer"}
    await waiting.call("PUT", "/v1/loops/sales/runs/1/steps/train", 200, json=body)
    backend.move(made, "FAILED", {"data": "SUCCEEDED", "train": "FAILED"})
    await waiting.rest()
    shown = await the_run(waiting)
    assert (shown["state"], shown["attempts"], shown["pipeline"]["id"]) == ("running", 2, made["run_id"])
    assert [entry["state"] for entry in made["state_history"]] == ["PENDING", "FAILED", "RUNNING"]
    body = {"state": "failed", "message": "Out of memory", "final": True}
    await waiting.call("PUT", "/v1/loops/sales/runs/1/steps/train", 200, json=body)
    backend.move(made, "FAILED", {"train": "FAILED"})
    await waiting.rest()
    shown = await the_run(waiting)
    assert (shown["state"], shown["message"], len(backend.runs)) == ("failed", "train: Out of memory", 1)


async def test_a_failed_run_that_cannot_be_retried_is_made_anew(waiting, backend):
    made = backend.only_run()
    backend.move(made, "FAILED", {"train": "FAILED"})
    client = waiting.services.runners.client

    async def refused(id):
        return False

    client.retry = refused
    await waiting.rest()
    await later(waiting, 31)
    shown = await the_run(waiting)
    assert (shown["state"], shown["attempts"], len(backend.runs)) == ("running", 2, 2)
    assert shown["pipeline"]["id"] != made["run_id"]


async def test_a_run_that_somebody_terminated_in_the_console_is_not_tried_again(waiting, backend):
    backend.move(backend.only_run(), "CANCELING")
    backend.move(backend.only_run(), "FAILED")
    await waiting.rest()
    shown = await the_run(waiting)
    assert (shown["state"], shown["message"]) == ("failed", "the Kubeflow run was terminated")


async def test_a_run_that_was_seen_canceling_is_not_tried_again_though_its_history_never_tells(
    waiting, backend
):
    backend.only_run()["state"] = "CANCELING"
    await waiting.rest()
    backend.move(backend.only_run(), "FAILED", {"train": "FAILED"})
    await waiting.rest()
    shown = await the_run(waiting)
    assert (shown["state"], shown["message"]) == ("failed", "the Kubeflow run was terminated")


async def test_a_run_that_somebody_deleted_in_the_console_is_made_anew(waiting, backend):
    backend.runs.clear()
    await waiting.rest()
    shown = await the_run(waiting)
    assert (shown["state"], shown["attempts"], len(backend.runs)) == ("running", 2, 1)


async def test_deleting_a_loop_terminates_its_run(waiting, backend):
    await waiting.call("DELETE", "/v1/loops/sales")
    await waiting.rest()
    assert backend.only_run()["state"] == "CANCELING"
    (closed,) = waiting.world.of_kind("run.closed")
    assert (
        "the loop is deleted; its Kubeflow run was told to end and had not after 60 s: " in closed["reason"]
    )


async def test_deleting_a_loop_terminates_a_run_that_was_not_noted(home, world, backend):
    async with running(home, world) as platform:
        world.add_data("sales", 1000)
        await platform.apply(document())
        backend.die_at, backend.die_after = "POST /runs", True
        with pytest.raises(Died):
            await platform.rest()
        backend.die_at = None
        assert backend.only_run()["state"] == "PENDING"
        await platform.call("DELETE", "/v1/loops/sales")
        await platform.rest()
    assert backend.only_run()["state"] == "CANCELING"


async def test_a_backend_that_does_not_answer_is_waited_for_then_given_up(waiting, backend):
    backend.down = True
    with pytest.raises(Unavailable):
        await waiting.rest()
    assert (await the_run(waiting))["state"] == "running"
    waiting.clock.now += 1_000_000
    waiting.services.runners.detection._known = None
    with pytest.raises(Unavailable):  # the next attempt: there is nobody to take it
        await waiting.rest()
    shown = await the_run(waiting)
    assert (shown["state"], shown["attempts"]) == ("pending", 1)
    assert "did not answer for too long" in shown["message"]


async def test_a_pipeline_that_kubeflow_cannot_read_is_said_and_fails_the_run(
    home, world, backend, tmp_path, monkeypatch
):
    broken = tmp_path / "broken.yaml"
    broken.write_text("pipelineInfo: {name: loop-run}\ndeploymentSpec: {executors: {}}\n")
    monkeypatch.setenv("MILLRACE_PIPELINE", str(broken))
    async with running(home, world) as platform:
        world.add_data("sales", 1000)
        await platform.apply(document())
        await platform.rest()
        shown = await the_run(platform)
    assert (shown["state"], shown["attempts"]) == ("failed", 1)
    assert "Kubeflow Pipelines refuses (400)" in shown["message"]


async def test_a_server_error_is_tried_again_until_the_run_took_too_long(home, world, backend):
    async with running(home, world) as platform:
        clock = platform.services.runners.kubeflow.clock = Clock(0)

        async def bad(*order):
            raise Refused(500, "invalid spec")

        platform.services.runners.client.create_run = bad
        world.add_data("sales", 1000)
        await platform.apply(document())
        with pytest.raises(Refused):
            await platform.rest()
        assert (await the_run(platform))["state"] == "pending"
        clock.now = 4e9
        await platform.rest()
        shown = await the_run(platform)
    assert (shown["state"], shown["message"]) == (
        "failed", "Kubeflow Pipelines refuses (500): invalid spec",
    )  # fmt: skip


async def test_a_backend_that_lost_its_database_gets_the_pipeline_and_the_run_once_more(waiting, backend):
    """However long the run has been open: what is known of its pipeline's version is of the database before."""
    for known in (backend.runs, backend.experiments, backend.pipelines, backend.versions):
        known.clear()
    await later(waiting, 3000)
    await waiting.rest()
    shown = await the_run(waiting)
    assert (shown["state"], shown["attempts"]) == ("running", 2)
    assert len(backend.runs) == len(backend.versions) == len(backend.pipelines) == 1


async def test_a_server_error_late_in_a_run_is_tried_again_as_one_at_its_beginning(waiting, backend):
    make, calls = waiting.services.runners.client.create_run, []

    async def once_more(*order):
        calls.append(order)
        if len(calls) < 5:
            raise Refused(500, "its database is away")
        return await make(*order)

    waiting.services.runners.client.create_run = once_more
    backend.runs.clear()
    waiting.clock.now += 3000
    for _ in range(2):
        with pytest.raises(Refused):
            await waiting.rest()
    await later(waiting, 60)
    shown = await the_run(waiting)
    assert (shown["state"], shown["attempts"], len(backend.runs)) == ("running", 2, 1)


async def test_multi_user_mode_is_refused_rather_than_half_supported(home, world, backend):
    backend.multi_user = True
    async with running(home, world) as platform:
        world.add_data("sales", 1000)
        await platform.apply(document())
        with pytest.raises(Unavailable, match="multi-user mode is not supported"):
            await platform.rest()
    assert backend.runs == {}


async def test_a_pod_that_outlives_its_deleted_loop_rolls_nothing_out(waiting, backend):
    async with waiting.services.sessions.begin() as session:
        loop = await session.get(runs.Loop, 1)
        (await runs.get(session, loop, 1)).verdict = GatesVerdict(verdict="passed", reason="better", gates=[])
        loop.state = "deleting"
    answer = await waiting.call("POST", "/v1/loops/sales/runs/1/rollout", 409, json={"version": 1})
    assert "being deleted" in answer["detail"]
