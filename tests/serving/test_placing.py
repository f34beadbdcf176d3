"""Where revisions sit: every way in which one can move keeps it answering, and what is held is what one needs first."""

from dataclasses import dataclass, replace

import pytest

from millrace_serving.cluster import placing
from millrace_serving.cluster.placing import Place, Seen, place
from millrace_serving.cluster.standby import mebibytes
from millrace_serving.settings import ServingSettings, Standby

from .test_revisions import revision

DNS, DRAIN, LINGER = 4, 6, 6
"""Passes: until every gateway follows a Service, that a pod told to end goes on, that what is let go stays loaded."""


@dataclass(frozen=True)
class World:
    """One revision that has to answer, in the middle of anything."""

    wants: str = "own"
    standby: bool = False
    at: str = "own"
    dns: str = "own"
    late: int = 0
    """Passes for which the gateways have not followed the Service."""
    deployment: bool = True
    ready: bool = True
    draining: int = 0
    listed: bool = False
    loaded: bool = False
    lingers: int = 0

    @property
    def answers(self):
        """Whether a request finds the revision where the gateways look."""
        own = self.ready or self.draining > 0
        return own if self.dns == "own" else self.loaded


def passed(world):
    """The world after a pass of serving, by the code that serving runs."""
    seen = Seen(
        at=world.at, own=world.ready, shared=world.loaded and world.listed, deployment=world.deployment
    )
    made = place(world.wants, seen, held=True, must=not world.standby)
    gone = world.deployment and not made.deployment
    late = 0 if made.at == world.dns else world.late + 1
    return replace(
        world,
        at=made.at,
        late=late,
        deployment=made.deployment,
        ready=world.ready and made.deployment,
        draining=DRAIN if gone and world.ready else max(0, world.draining - 1),
        listed=made.held,
        lingers=LINGER if made.held else max(0, world.lingers - 1),
    )


def happens(world):
    """Everything that may happen before the next pass: pods begin, load and unload, and names are followed."""
    for wants in ("own", "shared"):
        turned = replace(world, wants=wants)
        for ready in {world.ready, world.deployment}:
            loads = {world.loaded, world.loaded or world.listed}
            if world.loaded and not world.listed and world.lingers == 0:
                loads = {False, True}
            for loaded in loads:
                follows = {turned.dns, turned.at} if turned.late < DNS else {turned.at}
                for dns in follows:
                    yield replace(
                        turned,
                        ready=ready,
                        loaded=loaded,
                        dns=dns,
                        late=0 if dns == turned.at else turned.late,
                    )


def reached(first):
    """Every world that can come about, before and after a pass."""
    seen, todo, between = {first}, [first], set()
    while todo:
        for world in happens(todo.pop()):
            between.add(world)
            if (after := passed(world)) not in seen:
                seen.add(after)
                todo.append(after)
    return seen | between


def test_a_version_that_serves_answers_at_every_moment_of_every_move():
    worlds = reached(World())
    assert len(worlds) > 50
    assert [world for world in worlds if not world.answers] == []


def test_what_stands_by_answers_from_the_moment_it_is_said_to():
    """Going back is allowed where the pods to which the Service points answer; from then on there is no gap."""
    archived = reached(World(wants="shared", standby=True))
    back = [
        replace(world, standby=False, wants="own")
        for world in archived
        if (world.ready if world.at == "own" else world.loaded and world.listed) and world.dns == world.at
    ]
    assert any(world.at == "shared" for world in back)
    assert [after for world in back for after in reached(world) if not after.answers] == []


def test_the_check_finds_a_gap_where_pods_end_before_the_gateways_have_left_them(monkeypatch):
    monkeypatch.setitem(globals(), "DRAIN", 0)
    assert [world for world in reached(World()) if not world.answers]


def test_the_check_finds_a_gap_where_a_version_is_unloaded_at_once(monkeypatch):
    monkeypatch.setitem(globals(), "LINGER", 0)
    assert [world for world in reached(World()) if not world.answers]


def test_a_shared_pod_that_stays_away_is_replaced_by_pods_of_its_own_for_what_has_to_answer():
    away = Seen(at="shared", lost=True)
    assert place("shared", away, must=True) == Place("shared", deployment=True, held=True)
    assert place("shared", replace(away, deployment=True, own=True), must=True).at == "own"
    assert place("shared", away) == Place("shared", deployment=False, held=True)


def test_what_the_shared_pod_cannot_answer_keeps_its_own_pods():
    seen = Seen(at="own", own=True, deployment=True)
    assert place("shared", seen) == Place("own", deployment=True, held=True)


def test_what_is_not_held_is_loaded_nowhere_until_somebody_goes_back_to_it():
    assert place("shared", Seen(at="own", own=True, deployment=True), held=False) == Place(
        "shared", False, False
    )


def test_what_has_to_answer_and_finds_no_room_gets_pods_of_its_own():
    unloaded = Seen(at="shared")
    assert place("shared", unloaded, held=False, must=True) == Place("shared", True, False)
    ready = Seen(at="shared", own=True, deployment=True)
    assert place("shared", ready, held=False, must=True) == Place("own", True, False)


def archive(loops, versions):
    return [
        revision(number, f"loop-{loop}", standby=True)
        for loop in range(loops)
        for number in range(1, versions + 1)
    ]


def test_of_every_loop_the_newest_archived_version_is_held_before_the_second_of_any():
    held = placing.chosen(archive(3, 4), (), Standby(versions=5))
    assert {f"loop-{loop}--r4" for loop in range(3)} < held
    assert held - {f"loop-{loop}--r4" for loop in range(3)} == {"loop-0--r3", "loop-1--r3"}


def test_what_has_to_answer_and_what_one_goes_back_to_are_held_before_all_others():
    idle = revision(9, "quiet", settled=True)
    standby = Standby(versions=2)
    assert placing.chosen([*archive(3, 4), idle], {"loop-2--r1"}, standby) == {"quiet--r9", "loop-2--r1"}


def test_memory_is_counted_by_the_size_of_graphs_and_what_does_not_fit_leaves_its_place_to_smaller_ones():
    standby = Standby(mebibytes=100, most_mebibytes=1000)
    large, small = revision(1, "large", size=100 * 2**20), revision(1, "small", size=2**20)
    assert [placing.needs(standby, item) for item in (large, small)] == [700, 106]
    assert placing.needs(standby, revision(1)) == 100, "nobody knows its size yet"
    held = placing.chosen([large, replace(large, name="more--r1", endpoint="more"), small], (), standby)
    assert held == {"large--r1", "small--r1"}


def test_a_graph_that_asks_for_more_than_a_shared_pod_has_says_so_and_keeps_its_own(tmp_path):
    settings = ServingSettings(home=tmp_path, triton_standby=Standby(most_mebibytes=1000))
    assert placing.why_not(settings, revision(size=100 * 2**20)) is None
    told = placing.why_not(settings, revision(size=200 * 2**20))
    assert "200 MiB asks for 1296 MiB, and a shared pod has 1000" in told


@pytest.mark.parametrize(
    ("asked", "now", "size"),
    [
        (1, 0, 40),
        (50, 0, 80),
        (50, 40, 80),
        (80, 80, 80),
        (50, 160, 160),
        (40, 160, 40),
        (330, 320, 500),
        (510, 0, 510),
    ],
)
def test_room_doubles_and_is_given_back_late(asked, now, size):
    assert placing.room(asked, Standby.model_construct(mebibytes=10, most_mebibytes=500), now) == size


@pytest.mark.parametrize(
    ("more", "shares"),
    [
        ({}, True),
        ({"placement": {"nodeSelector": {"disk": "fast"}}}, False),
        ({"placement": {"resources": {"limits": {"nvidia.com/gpu": 1}}}}, False),
        ({"target": "tensorrt-int8"}, False),
    ],
)
def test_only_what_has_no_wishes_for_its_pod_shares_one(tmp_path, more, shares):
    settings = ServingSettings(home=tmp_path, triton_standby={"kind": "shared"})
    assert (placing.why_not(settings, revision(**more)) is None) is shares
    assert placing.why_not(ServingSettings(home=tmp_path), revision(**more))


@pytest.mark.parametrize(
    ("quantity", "mib"), [("256Mi", 256), ("1Gi", 1024), ("1.5Gi", 1536), ("1M", 1), (2**20, 1)]
)
def test_memory_is_read_as_kubernetes_writes_it(quantity, mib):
    assert mebibytes(quantity) == mib
