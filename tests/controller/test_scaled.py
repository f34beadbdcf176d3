"""Pods by load, as a loop tells it: how many there are, are wanted, and why, or why nothing scales them."""

from types import SimpleNamespace

import pytest

from millrace_contracts.endpoints import EndpointRead
from millrace_contracts.serving import Replicas
from millrace_controller.loops import queries, scaled
from millrace_controller.loops.options import Surroundings, ignored
from millrace_controller.production import replicas

SERVING = {"autoscaling": {"min": 1, "max": 4, "inFlight": 8}, "idleMinutes": 30}


def loop(**more):
    document = {"spec": {"data": {}, "serving": SERVING}}
    kept = {"document": document, "mode": "live", "champion": 3, "replicas": None, "owner": None, "name": "a"}
    return SimpleNamespace(**kept | more)


def pods(current, wanted, why="12 requests in flight for each pod, 8 aimed at"):
    return Replicas(current=current, wanted=wanted, least=1, most=4, why=why)


@pytest.mark.parametrize(
    ("found", "status", "reason"),
    [
        (None, "Unknown", "NotScaled"),
        (pods(2, 2), "True", "AsWanted"),
        (pods(1, 3), "False", "Scaling"),
        (pods(2, 2, "its load is not known: no metrics"), "False", "LoadUnknown"),
    ],
)
def test_the_condition_says_how_many_pods_and_why(found, status, reason):
    (told,) = scaled.conditions(loop(replicas=found))
    assert (told.status, told.reason) == (status, reason)
    if found is not None:
        assert found.why in told.message
        assert f"{found.wanted} wanted" in told.message


@pytest.mark.parametrize(
    "more", [{"champion": None}, {"mode": "backtest"}, {"document": {"spec": {"data": {}}}}]
)
def test_nothing_is_said_where_nothing_is_scaled(more):
    assert scaled.conditions(loop(**more)) == []


@pytest.mark.parametrize(
    ("around", "words"),
    [
        (Surroundings(cluster=False, kueue=False), ["needs a cluster", "needs a cluster"]),
        (
            Surroundings(True, True, scales=False, shares=False),
            ["autoscaling.enabled", "triton.standby.kind"],
        ),
        (Surroundings(True, True), []),
    ],
)
def test_what_the_installation_cannot_honour_is_said(around, words):
    told = ignored(loop(), around)
    assert len(told) == len(words)
    assert all(word in sentence for word, sentence in zip(words, told, strict=True))


def test_another_number_of_pods_is_no_reason_for_a_run():
    stored = loop(document={"spec": {"data": {}, "target": "a"}})
    assert queries._trains_alike(stored, {"spec": {"data": {}, "target": "a", "serving": SERVING}})
    assert not queries._trains_alike(stored, {"spec": {"data": {}, "target": "b", "serving": SERVING}})


def test_the_pods_of_the_revision_with_the_traffic_count():
    told = pods(2, 3)
    kept = {
        "version": 1,
        "digest": "sha256:" + "0" * 64,
        "state": "ready",
        "reason": "",
        "waiting": None,
        "weight": 0,
    }
    own = {"kind": "own", "names": ["a"], "replicas": told.model_dump()}
    revisions = [
        kept | {"number": 1, "name": "a--r1", "pods": {"kind": "shared", "names": ["b"]}},
        kept | {"number": 2, "name": "a--r2", "pods": own},
    ]
    facts = {"project": "default", "name": "a", "model": "a", "mode": "live", "timezone": "UTC", "url": None}
    rest = {"stable_version": 1, "event_time": None, "rollout": None}
    endpoint = EndpointRead.model_validate(facts | rest | {"revisions": revisions, "stable": 2})
    assert replicas.of_endpoint(endpoint) == told
    assert replicas.of_endpoint(endpoint.model_copy(update={"stable": 1})) is None
    assert replicas.of_endpoint(endpoint.model_copy(update={"stable": None})) is None
