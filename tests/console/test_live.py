"""A run's page hears what happens, once: by ids it goes on behind what was seen, and ends with the run or session."""

import json

import pytest
from tests.sdk import examples

from millrace.transport.answers import Event
from millrace_console.jobs import live
from millrace_console.jobs.lines import words
from millrace_console.jobs.live import Seen, Stream
from millrace_contracts.loop_runs import LoopRunRead

JOB, OTHER = "a" * 32, "b" * 32
STEP = {"state": "running", "message": "", "at": "2026-05-04T00:00:00Z"}
TRIAL = {"study": "search", "number": 3, "params": {"id": "lgb-a"}, "values": {"loss": 0.25}}
SAID = [
    Event(
        name="progress",
        data=json.dumps({"step": "load", "done": None, "total": None, "message": "rows"}),
        id="40",
    ),
    Event(name="trial", data=json.dumps(TRIAL), id="90"),
    Event(name="log", data=json.dumps({"message": "fitted", "facts": {}}), id="120"),
]


def run(state="running", ended=None, **jobs):
    steps = {name: STEP | {"job": job} for name, job in jobs.items()}
    return LoopRunRead.model_validate(examples.run(state=state, ended_at=ended, steps=steps))


class Behind:
    """A controller whose run changes at each look, and jobs that say what they are asked for behind an id."""

    def __init__(self, *runs):
        self.runs, self.asked = list(runs), []
        self.controller = self.training = self

    async def run(self, loop, number, project):
        return self.runs.pop(0) if len(self.runs) > 1 else self.runs[0]

    async def events(self, job, after, project):
        self.asked.append((job, after))
        for event in SAID:
            if int(event.id) > after:
                yield event


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.05)


async def heard(behind, seen="", holds=lambda: True):
    stream = Stream(behind, "default", "shop", 3, holds)
    return [event async for event in stream.events(Seen.read(seen))]


async def test_lines_have_ids_and_the_stream_ends_with_the_run():
    events = await heard(Behind(run(train=JOB), run("promoted", "2026-05-05T00:00:00Z", train=JOB)))
    said = [(item["id"], json.loads(item["data"])["text"]) for item in events if item["event"] == "said"]
    assert said == [
        (f"{JOB}.40", "load · rows"), (f"{JOB}.90", "trial 3 (lgb-a): loss 0.25"), (f"{JOB}.120", "fitted"),
    ]  # fmt: skip
    assert [item["event"] for item in events if item["event"] != "said"] == ["run", "run", "over"]
    assert json.loads(events[-1]["data"]) == {"state": "promoted"}


async def test_a_stream_that_is_taken_up_says_nothing_twice():
    over = run("promoted", "2026-05-05T00:00:00Z", train=JOB)
    again = await heard(Behind(run(train=JOB), over), f"{JOB}.90")
    assert [item["id"] for item in again if item["event"] == "said"] == [f"{JOB}.120"]
    behind = Behind(run(validate=OTHER, train=JOB), over)
    await heard(behind, f"{OTHER}.90")
    assert behind.asked[0] == (JOB, 0), "another job is heard from its begin"
    for nonsense in ("", "x.1", f"{JOB}.-1", f"{JOB}.1e3", "../" + JOB):
        assert Seen.read(nonsense) == Seen()


async def test_a_page_that_did_not_change_is_not_told_again_and_a_session_that_is_over_hears_no_more():
    looks = iter([True] * 4)
    events = await heard(Behind(run(train=JOB)), holds=lambda: next(looks, False))
    assert [item["event"] for item in events].count("run") == 1
    assert "over" not in {item["event"] for item in events}


def test_what_says_nothing_to_people_is_left_out():
    started = Event(name="trial", data=json.dumps(TRIAL | {"values": None}), id="1")
    assert words(started) == ""
    failed = Event(name="trial", data=json.dumps(TRIAL | {"values": {"failed": "no memory"}}), id="1")
    assert words(failed) == "trial 3 (lgb-a): no memory"
    end = Event(name="end", data=json.dumps({"kind": "train", "state": "succeeded"}), id="1")
    assert words(end) == "train: succeeded"


async def test_a_session_that_ended_holds_nobody(app, signed, person):
    people = app.state.services.people
    assert people.holds(person)
    await signed.post("/logout", data={"csrf": person.csrf})
    assert not people.holds(person)
