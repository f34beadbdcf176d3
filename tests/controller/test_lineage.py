"""A loop's runs as OpenLineage events: each begins and ends once, and a receiver that is away changes nothing."""

import pytest
from tests.contract.openlineage.receiver import Receiver

from millrace_controller.runs import queries as runs
from millrace_controller.runs import tending
from millrace_controller.runs.states import State
from millrace_controller.tables import LineageEvent
from millrace_core.openlineage import outbox
from millrace_core.openlineage.events import run_id
from millrace_core.openlineage.sending import sender

from .conftest import document, running


@pytest.fixture
def receiver(monkeypatch):
    made = Receiver()
    monkeypatch.setenv("MILLRACE_OPENLINEAGE_URL", made.url)
    yield made
    made.close()


@pytest.fixture
async def platform(home, world, still, receiver):
    async with running(home, world) as platform:
        world.add_data("sales", 1000)
        yield platform


async def sent(platform):
    """Everything that was noted, sent now."""
    await outbox.send(platform.services, LineageEvent, sender(platform.services.settings))


async def test_a_run_its_gates_and_its_promotion_are_told_once_each(platform, receiver):
    await platform.apply(document())
    await platform.rest()
    assert (await platform.loop())["champion"] == 1
    base = "/v1/loops/sales/runs/1/steps/gate"
    await sent(platform)
    assert receiver.wrong == []
    assert receiver.told() == [
        ("sales", "START"),
        ("sales.promotion", "START"),
        ("sales.promotion", "COMPLETE"),
        ("sales", "COMPLETE"),
    ]
    run = receiver.events[-1]
    assert run["run"]["runId"] == str(run_id("default", "sales", 1))
    assert [item["name"] for item in run["inputs"]] == ["sales"]
    assert [item["name"] for item in run["outputs"]] == ["models/sales", "endpoints/sales"]
    promoted = receiver.events[2]
    assert promoted["run"]["facets"]["parent"]["run"]["runId"] == run["run"]["runId"]
    assert promoted["inputs"][0]["facets"]["version"]["datasetVersion"] == "1"
    for state in ("running", "running", "succeeded"):
        await platform.call("PUT", base, 200, json={"state": state, "message": "at work"})
    await sent(platform)
    assert receiver.told()[4:] == [("sales.gate", "START"), ("sales.gate", "COMPLETE")]


async def test_a_run_whose_data_is_refused_is_a_failure_with_its_reason(platform, receiver, monkeypatch):
    async def begun(services, loop, run):
        if run.state == "pending":
            async with services.sessions.begin() as session:
                await runs.move(session, await runs.get(session, loop, run.number), State.RUNNING, attempts=1)
        return False

    monkeypatch.setattr(tending, "tend", begun)
    await platform.apply(document())
    await platform.rest()
    await platform.call("POST", "/v1/loops/sales/runs/1:refuse", 200, json={"reason": "column y is gone"})
    await sent(platform)
    assert receiver.wrong == []
    assert receiver.told() == [("sales", "START"), ("sales", "FAIL")]
    assert receiver.events[1]["run"]["facets"]["errorMessage"]["message"] == "column y is gone"


async def test_a_receiver_that_is_away_keeps_no_run_from_its_end(platform, receiver):
    receiver.close()
    await platform.apply(document())
    await platform.rest()
    assert (await platform.loop())["champion"] == 1
    with pytest.raises(Exception, match="refused"):
        await sent(platform)


async def test_nothing_is_noted_unless_a_receiver_is_named(home, world, still):
    async with running(home, world) as platform:
        world.add_data("sales", 1000)
        await platform.apply(document())
        await platform.rest()
        assert await outbox.send(platform.services, LineageEvent, lambda event: None) == 0
