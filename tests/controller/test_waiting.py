"""A run that waits for a pod says so where people look: in its conditions, by REST, and in its last words."""

from datetime import timedelta

import pytest

from millrace_controller.operator.controller import Operator
from millrace_controller.runs import tending
from millrace_core.database import utcnow

from .conftest import in_cluster, in_process
from .fake_resources import Resources
from .test_pipeline_jobs import FULL, PULL, Clock, Cluster, pod

TEND = tending.tend
RUN = "/v1/loops/sales/runs/1"
NO_GPU = {"reason": "Unschedulable", "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."}
OOM = pod("Failed", terminated={"reason": "OOMKilled", "exitCode": 137})


class Everything(Cluster):
    """One API server for the operator's resources and for the runner's Jobs and pods."""

    def __init__(self):
        super().__init__()
        self.resources = Resources()

    def __getattr__(self, name):
        return getattr(self.resources, name)

    async def list(self, kind, *where, **more):
        if kind == "ModelLoop":
            return await self.resources.list(kind, *where, **more)
        return {"Pod": self.pods, "Event": self.events}[kind]


@pytest.fixture
def cluster():
    return Everything()


@pytest.fixture
async def platform(home, world, still, cluster, monkeypatch):
    """A resource whose loop has data, and whose first run has its Job."""
    monkeypatch.setattr(tending, "tend", TEND)
    monkeypatch.setenv("MILLRACE_WORKLOADS_NAMESPACE", "work")
    async with in_cluster(home, world, monkeypatch, cluster) as platform:
        platform.clock = platform.services.runners.job.clock = Clock()
        platform.operator = Operator(platform.services)
        world.add_data("sales", 1000)
        cluster.apply()
        await platform.operator.relist()
        await platform.rest()
        yield platform


async def shown(platform, cluster):
    """REASON and message as `kubectl get modelloops` shows them, once the worker and the operator have looked."""
    await platform.rest()
    await platform.operator.follow()
    told = cluster.condition("Progressing")
    return told["reason"], told["message"]


async def at_step(platform, step, job=None):
    body = {"state": "running", "job": job}
    await platform.call("PUT", f"{RUN}/steps/{step}", 200, json=body)


REFUSED = {"reason": "FailedCreate", "message": 'pods "x" is forbidden: exceeded quota: team-a'}


@pytest.mark.parametrize(
    ("pods", "events", "reason", "words"),
    [
        ([PULL], [], "ImagePullBackOff", "Back-off pulling image runner:1"),
        ([pod("Pending", [FULL])], [], "Unschedulable", "0/1 nodes: no cpu"),
        ([], [REFUSED], "QuotaExceeded", REFUSED["message"]),
    ],
)
async def test_a_run_whose_pipeline_has_no_pod_tells_why_while_it_waits_and_when_it_fails(
    platform, cluster, pods, events, reason, words
):
    assert await shown(platform, cluster) == (
        "Pending",
        "Run 1 is opened: there is no champion, and data version 1 is there",
    )
    cluster.pods, cluster.events = pods, events
    assert await shown(platform, cluster) == (reason, f"Run 1, its pipeline: {words}")
    stalled = cluster.condition("Stalled")
    assert (stalled["status"], stalled["reason"], stalled["message"]) == (
        "True",
        reason,
        f"Run 1, its pipeline: {words}",
    )
    assert reason in cluster.reasons(warning=True), "and below kubectl describe"
    run = await platform.call("GET", RUN, 200)
    assert (run["state"], run["waiting"]) == ("running", {"reason": reason, "message": words})
    platform.clock.now += 601
    if reason != "ImagePullBackOff":
        return await waits_for_room(platform, cluster, f"did not start within 600 s: {reason}: {words}")
    assert (await shown(platform, cluster))[0] == "Failed"
    run = await platform.call("GET", RUN, 200)
    assert (run["state"], run["waiting"]) == ("failed", None)
    assert f"did not start within 600 s: {reason}: {words}" in run["message"]
    assert cluster.condition("Stalled")["reason"] == "RunFailed"


async def waits_for_room(platform, cluster, words):
    """A shortage is no failure: the run is back in the queue, says why, and starts when it is tried again."""
    reason, message = await shown(platform, cluster)
    assert (reason, words in message, "tried again at" in message) == ("Queued", True, True), message
    assert cluster.condition("Stalled")["status"] == "True", "people should know"
    run = await platform.call("GET", RUN, 200)
    assert (run["state"], run["queue"]["position"], run["queue"]["length"]) == ("pending", 1, 1)
    async with platform.services.sessions.begin() as session:
        loop = await session.get(tending.Loop, 1)
        (await tending.runs.get(session, loop, 1)).next_at = None
    platform.services.memory.line.forget()
    cluster.pods, cluster.events = [pod()], []
    await platform.rest()
    run = await platform.call("GET", RUN, 200)
    assert (run["state"], run["attempts"], run["queue"], run["waiting"]) == ("running", 2, None, None)


@pytest.mark.parametrize("how", ["no node", "no Job"])
async def test_a_run_for_which_there_is_never_room_is_given_up_and_says_what_mends_it(
    platform, cluster, how, monkeypatch
):
    if how == "no node":
        cluster.pods = [pod("Pending", [FULL])]
        await platform.rest()
    for hours in (0, 6.1):
        async with platform.services.sessions.begin() as session:
            run = await tending.runs.get(session, await session.get(tending.Loop, 1), 1)
            if how == "no Job" and not hours:
                cluster.refuse, run.state, run.attempts, run.pipeline = REFUSED["message"], "pending", 0, None
            run.next_at = None
            run.short_since = run.short_since and utcnow() - timedelta(hours=hours)
        platform.services.memory.line.forget()
        await platform.rest()
        platform.clock.now += 601
        await platform.rest()
        run = await platform.call("GET", RUN, 200)
        if not hours:
            assert run["state"] == "pending"
            assert "it waits for room, and is given up at " in run["message"]
    assert (run["state"], run["waiting"], run["queue"]) == ("failed", None, None)
    told = "0/1 nodes: no cpu" if how == "no node" else "may not be made: pods"
    assert told in run["message"]
    assert "no room for it for 21600 s: free or add nodes, raise the namespace's quota" in run["message"]
    assert (await shown(platform, cluster))[0] == "Failed"


async def test_a_run_whose_pod_starts_after_all_waits_for_nothing_more(platform, cluster):
    cluster.pods = [pod("Pending", [FULL])]
    assert (await shown(platform, cluster))[0] == "Unschedulable"
    cluster.pods = [pod()]
    await at_step(platform, "train")
    assert (await shown(platform, cluster))[0] == "Train"
    assert cluster.condition("Stalled")["status"] == "False"
    assert (await platform.loop())["run"]["waiting"] is None


async def test_a_step_tells_what_the_pod_of_its_job_waits_for(platform, cluster, world):
    cluster.pods, job = [pod()], "a" * 32
    world.jobs[job] = {"id": job, "state": "running", "waiting": NO_GPU}
    await at_step(platform, "train", job)
    assert await shown(platform, cluster) == (NO_GPU["reason"], f"Run 1, train: {NO_GPU['message']}")
    assert (await platform.loop())["run"]["waiting"] == NO_GPU
    world.jobs[job]["waiting"] = None
    assert (await shown(platform, cluster))[0] == "Train"


async def test_a_job_in_its_queue_is_told_and_is_nothing_to_warn_of(platform, cluster, world):
    cluster.pods, job = [pod()], "a" * 32
    world.jobs[job] = {"id": job, "waiting": {"reason": "Queued", "message": "It waits in its queue."}}
    await at_step(platform, "train", job)
    assert (await shown(platform, cluster))[0] == "Queued"
    assert cluster.condition("Stalled")["status"] == "False"


async def test_a_training_service_that_is_away_takes_nothing_back_and_stops_nobody(platform, cluster, world):
    cluster.pods, job = [pod()], "a" * 32
    world.jobs[job] = {"id": job, "waiting": NO_GPU}
    await at_step(platform, "train", job)
    await shown(platform, cluster)
    del world.jobs[job]
    assert (await shown(platform, cluster))[0] == "Unschedulable"


async def test_an_attempt_after_one_that_was_killed_for_memory_says_so(platform, cluster):
    cluster.pods = [OOM]
    cluster.finish("Failed", "BackoffLimitExceeded")
    async with platform.services.readers() as session:
        loop = await session.get(tending.Loop, 1)
    assert await tending.tend(platform.services, loop, await flight(platform))
    assert (await flight(platform)).state == "pending"
    cluster.pods = [pod()]
    reason, words = await shown(platform, cluster)
    assert reason == "OutOfMemory"
    assert "needed more memory than its limit (OOMKilled); trying again" in words
    assert (await platform.call("GET", RUN, 200))["attempts"] == 2


async def test_a_run_that_always_needs_more_memory_fails_with_that_reason(platform, cluster):
    for _ in range(3):
        (newest,) = [job for job in cluster.jobs.values() if not job["status"]]
        cluster.pods = [OOM]
        newest["status"]["conditions"] = [{"type": "Failed", "status": "True"}]
        async with platform.services.readers() as session:
            loop = await session.get(tending.Loop, 1)
        await tending.tend(platform.services, loop, await flight(platform))
        cluster.pods = [pod()]
        await shown(platform, cluster)
    run = await platform.call("GET", RUN, 200)
    assert (run["state"], run["attempts"], run["waiting"]) == ("failed", 3, None)
    assert "OOMKilled" in cluster.condition("Stalled")["message"]


async def flight(platform):
    async with platform.services.readers() as session:
        return await tending.runs.in_flight(session, 1)


async def test_a_candidate_whose_pods_do_not_start_is_told_with_their_reason(platform, cluster, world):
    cluster.pods, world.pending = [pod()], {1: NO_GPU}
    async with platform.services.readers() as session:
        loop = await session.get(tending.Loop, 1)
    await in_process(platform.services, loop, await flight(platform))
    assert await shown(platform, cluster) == (NO_GPU["reason"], f"Run 1, roll-out: {NO_GPU['message']}")
    assert cluster.condition("Stalled")["reason"] == NO_GPU["reason"]
    assert (await platform.call("GET", RUN, 200))["waiting"] == NO_GPU
    endpoint = world.endpoints["sales"]
    endpoint["revisions"][0]["waiting"] = None
    assert (await shown(platform, cluster))[0] == "Loading"
    endpoint["rollouts"][0] |= {"state": "aborted", "reason": "Version 1 was refused: Unschedulable: no GPU"}
    assert (await shown(platform, cluster))[0] == "Aborted"
    assert "Unschedulable: no GPU" in (await platform.call("GET", RUN, 200))["message"]


async def test_while_the_rollout_begins_its_step_tells_of_the_candidate_already(platform, cluster, world):
    cluster.pods = [pod()]
    revision = {"number": 1, "name": "sales--r1", "version": 1, "state": "loading", "waiting": NO_GPU}
    world.endpoints["sales"] |= {
        "revisions": [revision],
        "rollouts": [{"id": 1, "revision": 1, "state": "loading"}],
    }
    await at_step(platform, "roll-out")
    assert await shown(platform, cluster) == (NO_GPU["reason"], f"Run 1, roll-out: {NO_GPU['message']}")


async def test_the_time_in_line_is_no_time_without_room(platform, cluster):
    """Refused twice, with a night in line between: the deadline counts what it had no room for, and nothing else."""
    cluster.pods = [pod("Pending", [FULL])]
    await platform.rest()
    platform.clock.now += 601
    await platform.rest()
    night = timedelta(hours=9)
    async with platform.services.sessions.begin() as session:
        run = await tending.runs.get(session, await session.get(tending.Loop, 1), 1)
        run.next_at, run.short_since = utcnow() - night, utcnow() - night - timedelta(minutes=11)
    platform.services.memory.line.forget()
    await platform.rest()
    platform.clock.now += 601
    await platform.rest()
    run = await platform.call("GET", RUN, 200)
    assert (run["state"], run["attempts"]) == ("pending", 2), run["message"]
    assert "or later by the time that it stands in line" in run["message"]
    async with platform.services.readers() as session:
        kept = await tending.runs.get(session, await session.get(tending.Loop, 1), 1)
        assert timedelta(minutes=10) < utcnow() - kept.short_since < timedelta(minutes=12)
