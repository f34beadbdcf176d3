"""What a pass over many loops asks of the registry: once for all of them, and more only of what has changed."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from millrace_controller.clock import quarantines, worker
from millrace_controller.loops import status
from millrace_core.database import utcnow

from .conftest import document
from .test_loops import REFUSED

LOOPS = [f"loop-{number:02}" for number in range(12)]


@pytest.fixture
async def many(platform, monkeypatch):
    """Loops that wait for data, whose quarantine was looked at."""
    monkeypatch.setattr(quarantines, "LOOK_SECONDS", 60.0)
    for name in LOOPS:
        platform.world.datasets[name] = []
        await platform.apply(document(name))
    await look(platform)
    return platform


async def look(platform):
    """One pass over every loop; what it asked of quarantines."""
    before = len(platform.world.calls)
    for number in range(1, len(LOOPS) + 1):
        await worker.one_pass(platform.services, number)
    return [call for call in platform.world.calls[before:] if "/quarantine" in call]


def later(platform):
    platform.services.memory.marks.looked -= timedelta(minutes=2)


async def test_a_pass_over_loops_of_which_nothing_was_refused_asks_once_for_all_of_them(many):
    assert await look(many) == []
    later(many)
    assert await look(many) == ["GET /v1/quarantine"]


async def test_what_waits_is_asked_of_one_dataset_when_it_has_changed_and_not_again(many):
    many.world.quarantine["loop-03"] = [REFUSED | {"dataset": "loop-03"}]
    later(many)
    assert await look(many) == ["GET /v1/quarantine", "GET /v1/datasets/loop-03/quarantine"]
    later(many)
    assert await look(many) == ["GET /v1/quarantine"]
    assert "may.csv" in (await many.loop("loop-03"))["message"]
    many.world.quarantine["loop-03"] = []
    later(many)
    assert await look(many) == ["GET /v1/quarantine"]
    assert (await many.loop("loop-03"))["message"] == ""


async def test_a_loop_that_was_woken_looks_at_once(many):
    many.world.quarantine["loop-03"] = [REFUSED | {"dataset": "loop-03"}]
    assert many.services.memory.marks.looked < utcnow()
    await many.call("POST", "/v1/loops/loop-03:wake", 204)
    await look(many)
    assert "may.csv" in (await many.loop("loop-03"))["message"]


@pytest.mark.parametrize("step", ["ingest", "validate"])
def test_a_run_whose_data_was_never_read_says_so_and_not_that_it_is_bad(step):
    lost = SimpleNamespace(
        state="failed", message="The job's process died: it disappeared without a result 3 times."
    )
    run = SimpleNamespace(state="failed", steps={step: lost}, message="")
    told = status.data_valid(SimpleNamespace(message=""), run)
    assert (told.status, told.reason) == ("Unknown", "NotRead")
    assert told.message.startswith(f"{step} failed: The job's process died")
