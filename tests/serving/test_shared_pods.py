"""Versions without traffic share a pod: made, filled, left and gone back to, on a cluster in memory."""

from types import SimpleNamespace

import pytest

from millrace_contracts.serving import ServingSpec
from millrace_serving.cluster import shared
from millrace_serving.cluster.quiet import Quiet
from millrace_serving.settings import Standby

from .test_revisions import keep, revision, world  # noqa: F401 - the fixture

POOL = "millrace-default-standby"


@pytest.fixture
def pool(world):  # noqa: F811
    """The same, where archived versions share a pod, with one pod for each Deployment."""
    world.settings.triton_standby, world.settings.triton_replicas = Standby(versions=4), 1
    return world


def place(world, name):  # noqa: F811
    """The selector of a Service, in a word."""
    chosen = world.cluster.objects["Service", "work", name]["spec"]["selector"]
    return "shared" if "millrace.dev/standby" in chosen else "own"


def triton_of(world, name):  # noqa: F811
    """The Triton of the pod of a Deployment."""
    address = world.cluster.objects["Pod", "work", f"{name}-0"]["status"]["podIP"]
    return next(item for item in world.tritons if item.server.server_address[0] == address)


def listed(world, project="default"):  # noqa: F811
    return [item.name for item in world.revisions.shared.items.get(project, [])]


async def archived(world):  # noqa: F811
    """Revision 2 serves, revision 1 sits in the shared pod."""
    world.wanted = [revision(1)]
    await keep(world)
    world.wanted = [revision(2), revision(1, standby=True)]
    world.tritons[2].loaded = set()
    await keep(world)
    await keep(world)
    assert triton_of(world, POOL) is world.tritons[2]
    assert world.cluster.names("Deployment") == ["flights-r1", "flights-r2", POOL]
    assert place(world, "flights-r1") == "own"
    triton_of(world, POOL).loaded = {"flights--r1"}
    for _ in range(3):
        await keep(world)


async def test_an_archived_version_leaves_its_pod_once_the_shared_one_answers_and_the_service_points_there(
    pool,
):
    await archived(pool)
    assert pool.cluster.names("Deployment") == ["flights-r2", POOL]
    assert place(pool, "flights-r1") == "shared"
    assert listed(pool) == ["flights--r1"]
    sight = pool.revisions.pods("flights--r1")
    assert (sight.kind, sight.names) == ("shared", [f"{POOL}-0"])
    assert pool.revisions.pods("flights--r2").kind == "own"


async def test_its_service_points_to_the_shared_pod_a_pass_before_its_own_pod_ends(pool):
    pool.wanted = [revision(1)]
    await keep(pool)
    pool.wanted = [revision(2), revision(1, standby=True)]
    for _ in range(5):
        before = "flights-r1" in pool.cluster.names("Deployment") and place(pool, "flights-r1")
        await keep(pool)
        if "flights-r1" not in pool.cluster.names("Deployment"):
            break
    assert before == "shared"


async def test_a_way_back_is_answered_by_the_shared_pod_until_pods_of_its_own_are_there(pool):
    await archived(pool)
    assert pool.revisions.answers("flights--r1")
    pool.cluster.born = lambda pod: pod.update(status={"phase": "Pending"})
    pool.wanted = [revision(1), revision(2, standby=True)]
    await keep(pool)
    await keep(pool)
    assert "flights-r1" in pool.cluster.names("Deployment")
    assert place(pool, "flights-r1") == "shared"
    assert "flights--r1" in listed(pool)
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "podIP": "127.0.0.4", "phase": "Running"}
    pool.cluster.objects["Pod", "work", "flights-r1-0"]["status"] = ready
    await keep(pool)
    await keep(pool)
    assert place(pool, "flights-r1") == "own"
    assert "flights--r1" in listed(pool), "gateways may still look for it there"
    await keep(pool)
    assert "flights--r1" not in listed(pool)


async def test_what_finds_no_room_is_loaded_when_one_goes_back_to_it(pool):
    pool.settings.triton_standby = Standby(versions=1)
    pool.wanted = [revision(3), revision(2, standby=True), revision(1, standby=True)]
    for _ in range(4):
        await keep(pool)
    assert listed(pool) == ["flights--r2"]
    assert pool.cluster.names("Deployment") == ["flights-r3", POOL]
    assert pool.revisions.pods("flights--r1").kind == "unloaded"
    assert not pool.revisions.answers("flights--r1")
    pool.revisions.shared.ask("flights--r1")
    await keep(pool)
    assert listed(pool) == ["flights--r1"]
    assert pool.revisions.answers("flights--r1")


async def test_one_goes_back_also_where_idle_versions_take_all_the_room(pool, clock):
    pool.settings.triton_standby, pool.revisions.shared.quiet = Standby(versions=1), Quiet(10)
    clock.now += 601
    pool.wanted = [revision(1, "boats", settled=True), revision(2), revision(1, standby=True)]
    await passes(pool)
    assert listed(pool) == ["boats--r1"]
    assert pool.revisions.pods("flights--r1").kind == "unloaded"
    pool.revisions.shared.ask("flights--r1")
    await passes(pool)
    assert pool.revisions.answers("flights--r1")
    assert pool.revisions.pods("flights--r1").kind == "own"
    assert listed(pool) == ["boats--r1"], "what answers there stays"


async def test_what_has_to_answer_gets_pods_of_its_own_where_the_shared_pod_stays_away(pool, monkeypatch):
    await archived(pool)
    pool.revisions.shared.quiet = Quiet(1)
    pool.wanted = [revision(2), revision(1, settled=True)]
    await keep(pool)
    assert "flights-r1" not in pool.cluster.names("Deployment")
    monkeypatch.setattr(shared, "LOST_SECONDS", -1.0)
    triton_of(pool, POOL).dead = True
    for _ in range(3):
        await keep(pool)
    assert "flights-r1" in pool.cluster.names("Deployment")
    assert place(pool, "flights-r1") == "own"


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test turns."""
    made = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("millrace_serving.cluster.quiet.time", SimpleNamespace(monotonic=lambda: made.now))
    return made


async def passes(world, count=4):  # noqa: F811
    for _ in range(count):
        await keep(world)


async def test_a_version_that_nobody_asks_leaves_its_pods_and_gets_them_again_with_the_first_request(
    pool, clock
):
    quiet = pool.revisions.shared.quiet = Quiet(10)
    pool.wanted = [revision(1, settled=True)]
    quiet.note({"gateway": {"flights--r1": 7}})
    await passes(pool)
    assert pool.cluster.names("Deployment") == ["flights-r1"]
    clock.now += 601
    await passes(pool)
    assert pool.cluster.names("Deployment") == [POOL]
    assert pool.revisions.answers("flights--r1")
    assert pool.revisions.pods("flights--r1").kind == "shared"
    assert quiet.note({"gateway": {"flights--r1": 8}})
    await passes(pool)
    assert pool.cluster.names("Deployment") == ["flights-r1"]


async def test_serving_that_begins_again_wakes_nothing_that_sits_idle(pool, clock):
    pool.revisions.shared.quiet = Quiet(10)
    pool.wanted = [revision(1, settled=True)]
    await passes(pool)
    clock.now += 601
    await passes(pool)
    pool.revisions = type(pool.revisions)(pool.settings, pool.cluster, pool.revisions.looks.fell)
    quiet = pool.revisions.shared.quiet = Quiet(10)
    assert not quiet.note({}), "no gateway answers yet"
    assert not quiet.note({"gateway": {"flights--r1": 7}})
    await passes(pool)
    assert pool.cluster.names("Deployment") == [POOL]
    quiet.note({"gateway": {"flights--r1": 7}, "a-new-gateway": {"flights--r1": 1}})
    await passes(pool)
    assert pool.cluster.names("Deployment") == ["flights-r1"]


async def test_neither_a_version_in_a_rollout_nor_one_beyond_the_room_leaves_its_pods(pool, clock):
    pool.settings.triton_standby, pool.revisions.shared.quiet = Standby(versions=1), Quiet(10)
    clock.now += 601
    pool.wanted = [revision(1), revision(1, "boats", settled=True), revision(1, "cars", settled=True)]
    await passes(pool)
    assert pool.cluster.names("Deployment") == ["cars-r1", "flights-r1", POOL]


async def test_projects_share_no_pod_and_a_project_without_archive_has_none(pool):
    pool.wanted = [
        revision(2),
        revision(1, standby=True),
        revision(2, project="team-a"),
        revision(1, project="team-a", standby=True),
    ]
    for _ in range(3):
        await keep(pool)
    pools = [name for name in pool.cluster.names("Deployment") if name.endswith("-standby")]
    assert pools == [POOL, "millrace-team-a-standby"]
    assert listed(pool, "team-a") == ["team-a.flights--r1"]
    pool.wanted = [revision(2), revision(1, standby=True), revision(2, project="team-a")]
    await keep(pool)
    assert [name for name in pool.cluster.names("Deployment") if name.endswith("-standby")] == [POOL]


async def test_serving_that_begins_again_moves_nothing(pool):
    await archived(pool)
    before, deleted = list(pool.cluster.applied), list(pool.cluster.deleted)
    again = type(pool.revisions)(pool.settings, pool.cluster, pool.revisions.looks.fell)
    pool.revisions = again
    await keep(pool)
    await keep(pool)
    changed = [
        name for name in pool.cluster.applied[len(before) :] if name.startswith("Deployment/flights-r1")
    ]
    assert changed == []
    assert pool.cluster.deleted == deleted
    assert place(pool, "flights-r1") == "shared"
    assert listed(pool) == ["flights--r1"]


async def test_values_that_take_the_shared_pod_away_give_each_its_own_first(pool):
    await archived(pool)
    pool.settings.triton_standby = None
    pool.cluster.born = lambda pod: pod.update(status={"phase": "Pending"})
    await passes(pool, 2)
    assert pool.cluster.names("Deployment") == ["flights-r1", "flights-r2", POOL]
    assert place(pool, "flights-r1") == "shared"
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "podIP": "127.0.0.4", "phase": "Running"}
    pool.cluster.objects["Pod", "work", "flights-r1-0"]["status"] = ready
    await passes(pool)
    assert pool.cluster.names("Deployment") == ["flights-r1", "flights-r2"]
    assert place(pool, "flights-r1") == "own"


async def test_a_loop_says_for_itself_after_how_long_it_is_idle(pool, clock):
    pool.revisions.shared.quiet = quiet = Quiet(0)
    patient, never = ServingSpec(idle_minutes=30), ServingSpec(idle_minutes=0)
    pool.wanted = [
        revision(1, settled=True, serving=patient),
        revision(1, "boats", settled=True, serving=never),
    ]
    await keep(pool)
    assert quiet.watches
    clock.now += 29 * 60
    await passes(pool)
    assert listed(pool) == []
    clock.now += 2 * 60
    await passes(pool)
    assert listed(pool) == ["flights--r1"]


async def test_a_shared_pod_from_which_something_serves_is_two_and_one_of_archived_versions_one(pool, clock):
    await archived(pool)
    assert pool.cluster.objects["Deployment", "work", POOL]["spec"]["replicas"] == 1
    pool.revisions.shared.quiet = Quiet(10)
    clock.now += 601
    pool.wanted = [revision(2, settled=True), revision(1, standby=True)]
    await passes(pool)
    assert set(listed(pool)) == {"flights--r1", "flights--r2"}
    assert listed(pool)[0] == "flights--r2", "what has traffic is loaded first"
    assert pool.cluster.objects["Deployment", "work", POOL]["spec"]["replicas"] == 2


async def test_what_does_not_fit_keeps_its_pods_and_says_why(pool):
    pool.settings.triton_standby = Standby(mebibytes=100, most_mebibytes=150)
    pool.wanted = [revision(3), revision(2, standby=True, size=2**30), revision(1, standby=True)]
    for _ in range(4):
        await keep(pool)
    large, small = pool.revisions.pods("flights--r2"), pool.revisions.pods("flights--r1")
    assert (large.kind, small.kind) == ("own", "shared")
    assert "a shared pod has 150" in large.why
    assert small.why == ""
