"""A thousand loops in one call: searched, filtered by health, sorted and paged, and told in one line each."""

import itertools
import json

import pytest
from sqlalchemy import event

from millrace_contracts.loop_runs import RunCause, RunPlan, StepRead
from millrace_contracts.loops import LoopOwner
from millrace_contracts.waiting import Waiting
from millrace_controller.loops import status
from millrace_controller.overview import glance
from millrace_controller.tables import Loop, Run
from millrace_core.database import utcnow

from .conftest import document, running

LOOPS = 1000
PLAN = RunPlan.model_validate({
    "loop": "sales", "run": 1, "model": "sales", "dataset": "sales", "cut": None, "ingest": None, "validate": {},
    "train": {"configurations": [{"id": f"lightgbm-{number}", "params": {"leaves": number}} for number in range(60)]},
    "evaluate": {}, "compress": None, "limits": {},
})  # fmt: skip
"""As long as that of a real run; a line needs none of it."""


def loop(number, **more):
    now = utcnow()
    name = f"loop-{number:04}"
    told = {
        "id": number + 1, "project": "default", "name": name, "mode": "live", "state": "active", "generation": 1,
        "opened_generation": 1, "document": document(name), "archive": [], "runs": 0, "message": "", "causes": [],
        "champion": None, "seen_version": 0, "seen_rows": 0, "created_at": now, "updated_at": now,
    }  # fmt: skip
    return told | more


def run(number, state, **more):
    told = {
        "loop_id": number + 1, "number": 1, "key": "k", "state": state, "cause": RunCause(kind="data", reason="rows"),
        "plan": PLAN, "steps": {"train": StepRead(state="succeeded", message="done")}, "decision": "d", "message": "",
        "attempts": 1, "created_at": utcnow(),
    }  # fmt: skip
    return told | more


@pytest.fixture
async def many(home, world):
    """A thousand loops: a tenth blocked by a failed run, a tenth with an alarm, a tenth paused, the rest well."""
    async with running(home, world) as platform:
        kinds = [number % 10 for number in range(LOOPS)]
        loops = [
            loop(number, champion=3, runs=1, causes=["performance"] if kind == 1 else [])
            | ({"state": "paused"} if kind == 2 else {})
            for number, kind in enumerate(kinds)
        ]
        states = {0: "failed"}
        runs = [
            run(number, states.get(kind, "promoted"), message="no rows" if kind == 0 else "")
            for number, kind in enumerate(kinds)
        ]
        async with platform.services.sessions.begin() as session:
            session.add_all(Loop(**item) for item in loops)
            await session.flush()
            session.add_all(Run(**item) for item in runs)
        yield platform


async def test_a_page_of_a_thousand_loops_counts_them_all_and_shows_what_is_wrong_first(many):
    found = await many.call("GET", "/v1/loops:overview", 200)
    assert found["counts"] == {
        "blocked": 100, "alarm": 100, "working": 0, "waiting": 0, "paused": 100, "good": 700,
    }  # fmt: skip
    assert (found["total"], found["page"], found["pages"], len(found["items"])) == (1000, 1, 20, 50)
    first = found["items"][0]
    assert (first["name"], first["health"], first["in_the_way"]) == ("loop-0000", "blocked", "no rows")
    assert first["run"]["state"] == "failed"
    assert first["run"]["created_at"] is not None
    assert first["run"]["cause"] == "rows"
    assert first["task"] == "regression"


async def test_loops_are_searched_filtered_sorted_and_paged(many):
    async def names(**asked):
        found = await many.call("GET", "/v1/loops:overview", 200, params=asked)
        return [item["name"] for item in found["items"]]

    assert await names(search="loop-00", health="alarm", sort="name") == [
        f"loop-00{ten}1" for ten in range(10)
    ]
    assert (await names(sort="name", down=True))[0] == "loop-0999"
    assert await names(sort="name", page=20, size=50) == [f"loop-0{number}" for number in range(950, 1000)]
    assert (await names(sort="name", page=99, size=200))[-1] == "loop-0999", (
        "behind the last page is the last"
    )
    assert await names(search="%") == [], "a sign of SQL is a sign"


async def test_a_page_of_a_thousand_loops_is_two_short_reads_and_a_short_answer(many):
    """What is long (documents, plans, steps) is read only of the loops that are shown, and never sent."""
    asked = []
    async with many.services.readers() as session:
        engine = session.get_bind()

    def note(connection, cursor, statement, *_):
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    found = await many.call("GET", "/v1/loops:overview", 200, params={"size": 50})
    event.remove(engine, "before_cursor_execute", note)
    reads = [statement for statement in asked if "FROM loops LEFT OUTER JOIN loop_runs" in statement]
    assert len(reads) == 2
    every, shown = reads
    assert not any(word in every for word in ("document", "steps", "plan", "verdict", "cause,", "traffic"))
    assert "plan" not in shown
    assert "verdict" not in shown
    assert "loops.id IN" in shown
    assert len(json.dumps(found)) < 50 * 700


STATES = (
    None,
    "pending",
    "running",
    "awaiting-approval",
    "rolling-out",
    "promoted",
    "rejected",
    "refused",
    "failed",
    "aborted",
)
MESSAGES = (
    "",
    "No node has room.",
    "Data lies in quarantine: 3 rows.",
    "No node. Data lies in quarantine: 3 rows.",
)


@pytest.mark.parametrize("state", STATES)
def test_a_line_calls_what_is_in_the_way_by_the_rules_of_the_conditions(state):
    """The short columns say the same as the whole loop."""
    waits = (
        None,
        Waiting(reason="Queued", message="behind 3"),
        Waiting(reason="ImagePull", message="no such image"),
    )
    for message, champion, told, why in itertools.product(MESSAGES, (None, 3), ("", "no rows"), waits):
        whole = Loop(**loop(1, message=message, champion=champion))
        newest = None if state is None else Run(**run(1, state, message=told, waiting=why))
        reason = None if why is None or newest is None else why.reason
        conditions = (status.stalled(whole, newest), status.data_valid(whole, newest))
        assert glance.stalls(message, champion, state, newest and told, reason) == (
            conditions[0].status == "True"
        )
        assert glance.refused(message, state) == (conditions[1].status == "False")


async def test_nonsense_is_refused(many):
    for asked in ({"health": "sick"}, {"sort": "luck"}, {"size": 1000}, {"page": 0}, {"search": "\x00"}):
        await many.call("GET", "/v1/loops:overview", 422, params=asked)


async def test_a_loop_without_a_run_waits_and_its_owner_is_told(home, world):
    async with running(home, world) as platform:
        async with platform.services.sessions.begin() as session:
            owner = LoopOwner(kind="ModelLoop", namespace="team-a", name="loop-0001", uid="u", generation=1)
            session.add(Loop(**loop(1, owner=owner)))
        (line,) = (await platform.call("GET", "/v1/loops:overview", 200))["items"]
        assert (line["health"], line["run"], line["owner"]["namespace"]) == ("waiting", None, "team-a")
