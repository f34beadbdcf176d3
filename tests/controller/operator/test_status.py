"""How a resource tells what its loop does: promptly, once, and in conditions."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from millrace_contracts.status import LoopStatus
from millrace_controller.clock import queries, worker
from millrace_controller.operator import manifests
from millrace_controller.operator.controller import Operator
from millrace_controller.tables import Run

from ..conftest import alarm, day
from ..fake_resources import merged
from ..test_loops import REFUSED
from .conftest import settled


async def test_its_status_follows_the_loop_to_production(platform, operator, cluster, world):
    world.add_data("sales", 1000)
    cluster.apply(rollout={"mirror": {"percent": 100, "for": "1d"}}, triggers={"schedule": "30d"})
    await operator.relist()
    await settled(platform, operator)
    status = cluster.status()
    assert (status["phase"], status["champion"]["version"], status["champion"]["weight"]) == (
        "Serving",
        1,
        100.0,
    )
    assert status["champion"]["digest"].startswith("sha256:")
    assert (status["run"]["number"], status["run"]["state"]) == (1, "promoted")
    assert {gate["name"]: gate["verdict"] for gate in status["gates"]} == {"useful": "passed"}
    told = {item["type"]: item["status"] for item in status["conditions"]}
    assert told == {
        "Ready": "True", "Progressing": "False", "DataValid": "True", "Trained": "True", "GatesPassed": "True",
        "RolledOut": "True", "DriftDetected": "Unknown", "Stalled": "False", "OptionsIgnored": "False",
    }  # fmt: skip
    assert "candidate" not in status
    assert cluster.reasons() == ["Declared", "RunOpened", "Serving", "Promoted"]
    for number in range(1, 31):
        world.close("sales", day(number))
    await settled(platform, operator)
    status = cluster.status()
    assert (status["phase"], status["candidate"]["version"], status["candidate"]["run"]) == ("Shadow", 2, 2)
    assert cluster.condition("Progressing")["reason"] == "Mirroring"
    champion = next(gate for gate in status["gates"] if gate["name"] == "champion")
    assert champion["ci"][0] < champion["ci"][1]
    world.close("sales", day(31))
    await settled(platform, operator)
    assert (cluster.status()["phase"], cluster.status()["champion"]["version"]) == ("Serving", 2)
    assert "candidate" not in cluster.status()
    LoopStatus.model_validate(cluster.status())


async def with_two_versions(platform, operator, cluster, world):
    """A resource whose loop has gone from version 1 to version 2; the last list is a while ago."""
    world.add_data("sales", 1000)
    cluster.apply(rollout={"mirror": {"percent": 100, "for": "1d"}}, triggers={"schedule": "30d"})
    await operator.relist()
    await settled(platform, operator)
    for number in range(1, 32):
        world.close("sales", day(number))
    await settled(platform, operator)
    await operator.follow()
    assert cluster.status()["champion"]["version"] == 2


async def test_a_rollback_is_told_at_the_next_look_however_quick_it_was(platform, operator, cluster, world):
    await with_two_versions(platform, operator, cluster, world)
    await platform.call("POST", "/v1/loops/sales:rollback", 200, json={"reason": "it is worse"})
    await operator.follow()
    assert cluster.status()["champion"]["version"] == 1
    assert cluster.reasons()[-1] == "WentBack"


async def test_whatever_changes_a_loop_at_rest_is_told_at_the_next_look(platform, operator, cluster, world):
    await with_two_versions(platform, operator, cluster, world)
    await platform.call("POST", "/v1/loops/sales:pause", 200)
    await operator.follow()
    assert cluster.condition("Progressing")["reason"] == "Suspended"
    await platform.call("POST", "/v1/loops/sales:resume", 200)
    async with platform.services.sessions.begin() as session:
        await queries.set_message(session, 1, "serving does not answer")
    await operator.follow()
    assert cluster.condition("Stalled")["message"] == "serving does not answer"
    world.close("sales", day(32), standing=["drift:x"])
    await platform.rest()
    await operator.follow()
    assert cluster.condition("DriftDetected")["status"] == "True"


async def test_a_change_that_could_not_be_written_is_written_at_the_next_look(
    platform, operator, cluster, world
):
    await with_two_versions(platform, operator, cluster, world)
    await platform.call("POST", "/v1/loops/sales:rollback", 200, json={"reason": "it is worse"})
    cluster.down = True
    await operator.follow()
    operator.since = datetime.now(UTC)
    cluster.down = False
    await operator.follow()
    assert cluster.status()["champion"]["version"] == 1


async def test_a_list_that_takes_long_holds_no_change_up_and_takes_none_back(
    platform, operator, cluster, world
):
    await with_two_versions(platform, operator, cluster, world)
    begun, go, quick = asyncio.Event(), asyncio.Event(), cluster.list

    async def slow(*what, **more):
        found = await quick(*what, **more)
        begun.set()
        await go.wait()
        return found

    cluster.list = slow
    listing = asyncio.create_task(operator.relist())
    await begun.wait()
    await platform.call("POST", "/v1/loops/sales:rollback", 200, json={"reason": "it is worse"})
    async with asyncio.timeout(2):
        await operator.follow()
        await operator.hear([cluster.apply("late")])
    assert cluster.status()["champion"]["version"] == 1
    go.set()
    await listing
    assert cluster.status("late")["phase"] == "Pending"
    await platform.call("POST", "/v1/loops/sales:rollback", 200, json={"to": 2})
    await operator.follow()
    assert cluster.status()["champion"]["version"] == 2, "also after a list from before the change"


async def test_nothing_is_written_when_nothing_has_changed(platform, operator, cluster):
    cluster.apply()
    await operator.relist()
    before = cluster.patches, len(cluster.events)
    for _ in range(3):
        await operator.relist()
        await operator.follow()
    assert (cluster.patches, len(cluster.events)) == before


async def test_an_operator_that_begins_again_repeats_no_event(platform, operator, cluster):
    cluster.apply()
    await operator.relist()
    before = json.dumps(cluster.items["team-a", "sales"], sort_keys=True), list(cluster.events)
    await Operator(platform.services).relist()
    assert (json.dumps(cluster.items["team-a", "sales"], sort_keys=True), cluster.events) == before


async def test_drift_is_a_condition_with_its_causes(platform, operator, cluster, world):
    world.add_data("sales", 1000)
    cluster.apply()
    await operator.relist()
    await settled(platform, operator)
    found = {"alarms": [alarm(1, "drift:x", "drift")], "standing": ["drift:x"]}
    world.close("sales", day(1), **found)
    await settled(platform, operator)
    drift = cluster.condition("DriftDetected")
    assert (drift["status"], drift["message"]) == ("True", "Found as of 2024-02-02: drift:x")
    world.close("sales", day(2))
    await settled(platform, operator)
    assert cluster.condition("DriftDetected")["status"] == "False"


async def test_a_condition_keeps_the_time_of_its_last_change():
    found = LoopStatus.model_validate(
        {"conditions": [{"type": "Ready", "status": "True", "reason": "Serving"}]}
    )
    first = manifests.written(found, {}, "2026-01-01T00:00:00Z")
    again = manifests.written(found, first, "2026-01-02T00:00:00Z")
    assert again == first
    found.conditions[0].status = "False"
    assert (
        manifests.written(found, again, "2026-01-03T00:00:00Z")["conditions"][0]["lastTransitionTime"][:10]
        == "2026-01-03"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"a": 1}),
        ({"a": 1}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}),
        ({"a": [1]}, {"a": [1, 2]}),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_a_patch_makes_the_one_of_the_other(before, after):
    change = manifests.patch(before, after)
    assert merged(before, change) == after
    assert bool(change) == (before != after)


async def test_a_status_stays_small_whatever_a_run_has_to_say(platform, operator, cluster, world):
    world.add_data("sales", 1000)
    cluster.apply()
    await operator.relist()
    await settled(platform, operator)
    async with platform.services.sessions.begin() as session:
        run = (await session.scalars(select(Run))).one()
        run.message = "Spalte ⚠ " * 50_000
        gate = run.verdict.gates[0].model_copy(update={"reason": "because " * 10_000})
        many = [gate.model_copy(update={"name": f"slice-{number}"}) for number in range(500)]
        many.append(gate.model_copy(update={"name": "worst", "verdict": "failed"}))
        run.verdict = run.verdict.model_copy(update={"gates": many, "reason": "so " * 100_000})
    await operator.follow()
    await operator.relist()
    status = cluster.status()
    assert len(json.dumps(status, ensure_ascii=False).encode()) < 50_000
    assert "worst" in [gate["name"] for gate in status["gates"]]
    assert status["run"]["message"].endswith(
        "(cut; see 'millrace runs show sales 1', 'millrace data quarantine list')"
    )


async def test_a_document_with_many_mistakes_is_told_of_the_first(platform, operator, cluster):
    cluster.apply(triggers={"alarm" * 60 + str(number): 1 for number in range(10)})
    await operator.relist()
    message = cluster.condition("Stalled")["message"]
    assert len(message.encode()) <= 1000
    assert message.endswith("(cut; mend these, and the next apply names the others)")


async def looked(platform, operator):
    """The same, with the look at what lies in quarantine that ends each pass."""
    await platform.rest()
    await worker.one_pass(platform.services, 1)
    await settled(platform, operator)


async def test_refused_data_is_told_by_condition_and_event_at_first_and_later_until_it_is_mended(
    platform, operator, cluster, world
):
    world.datasets["sales"], world.quarantine["sales"] = [], [REFUSED]
    cluster.apply(triggers={"schedule": "30d"})
    await operator.relist()
    await looked(platform, operator)
    told = {kind: cluster.condition(kind) for kind in ("DataValid", "Ready")}
    assert (told["DataValid"]["status"], told["DataValid"]["reason"]) == ("False", "Quarantined")
    assert (told["Ready"]["status"], told["Ready"]["reason"]) == ("False", "DataRefused")
    assert "9 rows are outside" in told["Ready"]["message"]
    assert cluster.reasons().count("Quarantined") == 1
    world.quarantine["sales"] = []
    world.add_data("sales", 1000)
    await looked(platform, operator)
    assert cluster.condition("DataValid")["status"] == "True"
    assert cluster.condition("Ready")["message"] == "Version 1 answers."
    later = [
        REFUSED
        | {"id": 7, "source": {"kind": "file", "name": "june.csv"}, "created_at": "2030-01-01T00:00:00Z"}
    ]
    world.quarantine["sales"] = later
    await looked(platform, operator)
    assert cluster.condition("DataValid")["status"] == "False"
    assert "june.csv" in cluster.condition("DataValid")["message"]
    assert cluster.condition("Ready")["message"] == "Version 1 answers, without the data that was refused."
    assert cluster.condition("Ready")["status"] == "True"
    assert cluster.reasons().count("Quarantined") == 2
    world.quarantine["sales"] = [*later, later[0] | {"id": 8, "source": {"kind": "file", "name": "july.csv"}}]
    await looked(platform, operator)
    assert cluster.reasons().count("Quarantined") == 3, "another refused delivery is another event"
    await looked(platform, operator)
    assert cluster.reasons().count("Quarantined") == 3, "told once"
    world.quarantine["sales"] = []
    await looked(platform, operator)
    assert cluster.condition("DataValid")["status"] == "True"
    assert cluster.condition("Ready")["message"] == "Version 1 answers."
