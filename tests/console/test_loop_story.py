"""The page of a loop whose days have closed: marks, gates, traffic, rollout, quality, slices, drift, and what comes."""

import re

import pytest
from tests.console.behind import page
from tests.sdk import examples

PATH = "/p/default/loops/shop"
CLOCK = "2027-03-04T05:06:07Z"
SPEC = {
    "task": "regression",
    "target": "price",
    "data": {"dataset": "shop", "eventTime": "at"},
    "triggers": {"schedule": "28d", "alarms": ["performance"]},
}
GATE = {
    "name": "champion", "verdict": "failed", "reason": "worse", "lower": -0.5, "difference": 1.5, "upper": 2.5,
    "margin": 0.25,
}  # fmt: skip
PLAN = {"mirror": {"percent": 100, "seconds": 86_400}, "canary": [{"percent": 10, "seconds": 172_800}]}


def decided(number, kind, outcome, day, reason, **more):
    """One that holds at the end of an event day, and came to be known much later."""
    return examples.decision(
        id=f"00000000-0000-4000-8000-{number:012}", number=number, kind=kind, outcome=outcome, reason=reason,
        event_time=f"2026-05-{day + 1:02}T00:00:00Z", recorded_at=CLOCK, **more,
    )  # fmt: skip


DECISIONS = [
    decided(1, "rollout.promoted", "promoted", 1, "it was better", evidence={"version": 1}),
    decided(2, "gate.verdict", "failed", 4, "it was worse", evidence={"gates": [GATE]}),
    decided(3, "gate.verdict", "passed", 5, "nothing to mark"),
    decided(
        4,
        "rollout.started",
        "started",
        6,
        "it begins",
        subject="shop/7",
        evidence={"version": 2, "plan": PLAN},
    ),
    decided(5, "rollout.step", "canary", 8, "it goes on", subject="shop/7 step 1", evidence={"version": 2}),
    decided(6, "rollout.aborted", "aborted", 9, "it was slow", evidence={"version": 2}),
    decided(7, "switch-back", "done", 11, "the old one was better", evidence={"to": 3}),
    decided(8, "rollback", "refused", 12, "nobody may"),
]


@pytest.fixture
def days(behind):
    """Twenty closed days of a loop, and everything that was decided on them."""
    document = {
        "apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": {"name": "shop"}, "spec": SPEC,
    }  # fmt: skip
    course = [
        {"day": f"2026-05-{day:02}", "rows": 100 * day, "labelled": 90, "loss": 1 + day / 100, "baseline": 1.0,
         "champion": 1} for day in range(1, 21)
    ]  # fmt: skip
    last = examples.closing(
        day="2026-05-20", rows=2000, labelled=1800, loss=1.2,
        quality={"faults": ["nulls:area"], "missing": {"area": 0.25, "rooms": 0.0}, "outside": {"town": 0.5}},
        slices={"parts": {
            "town=south": {"rows": 400, "labelled": 300, "loss": 2.5, "performance": {"reference_mean": 1.25}},
            "town=north": {"rows": 1600, "labelled": 1500, "loss": 3.5},
        }},
    )  # fmt: skip
    drift = [
        {
            "day": f"2026-05-{day:02}",
            "champion": 1,
            "days": 14,
            "psi": {"area": 0.3, "town": 0.01},
            "window": None,
        }
        for day in range(14, 21)
    ]
    rollout = examples.rollout(
        plan=PLAN, step_since="2026-05-18T00:00:00Z", event_time="2026-05-17T00:00:00Z"
    )
    monitor = "GET /v1/monitors/shop"
    behind.answers |= {
        "GET /v1/loops/shop": examples.loop(
            champion=1, archive=[3], settled_through="2026-05-21T00:00:00Z", document=document,
            run=examples.run(state="promoted", opened_at="2026-05-04T00:00:00Z"),
        ),
        "GET /v1/loops/shop/runs": page(examples.run(opened_at="2026-05-04T00:00:00Z", created_at=CLOCK)),
        "GET /v1/decisions": lambda query: page(*(item for item in DECISIONS if item["kind"] == query["kind"])),
        "GET /v1/alarms": page(examples.alarm(opened_at=CLOCK, opened_day="2026-05-13", id="a-7")),
        f"{monitor}/course": course, f"{monitor}/days": [last], f"{monitor}/drift": drift,
        "GET /v1/endpoints/shop": examples.endpoint(
            rollout=rollout, revisions=[examples.revision(1, weight=9000), examples.revision(2, weight=1000)]
        ),
    }  # fmt: skip
    return behind


def section(text, name):
    """What stands below a heading, to the next section."""
    found = re.search(rf'<section aria-labelledby="{name}">(.*?)</section>', text, re.DOTALL)
    return found[1] if found else ""


async def shown(signed):
    answer = await signed.get(f"{PATH}?span=month")
    assert answer.status_code == 200, answer.text
    assert "does not answer" not in answer.text
    return answer.text


async def test_everything_that_was_decided_is_marked_on_its_event_day_with_its_clock(signed, days):
    story = section(await shown(signed), "story")
    time = r'<td><time datetime="([^"]+)">.*?</td>'
    lines = re.findall(rf'<tr>{time}{time}<td><a href="([^"]+)">([^<]+)<', story)
    assert [(day, what) for day, _, _, what in lines] == [
        ("2026-05-13", "alarm"),
        ("2026-05-11", "went back"),
        ("2026-05-09", "rollout aborted"),
        ("2026-05-04", "rejected by a gate"),
        ("2026-05-01", "promoted"),
    ], "a gate that passed and what was refused are no marks"
    assert {clock for _, clock, _, _ in lines} == {"2027-03-04T05:06:07+00:00"}
    assert lines[0][2] == "/p/default/alarms#a-7"
    assert lines[2][2].endswith("/decisions/00000000-0000-4000-8000-000000000006")
    picture = story[: story.index("What is marked")]
    for words in ("it was worse", "it was slow", "the old one was better", "it was better"):
        assert words in picture, words


async def test_gates_are_drawn_as_intervals_with_their_margin(signed, days):
    gates = section(await shown(signed), "gates")
    assert 'aria-label="Gates against the champion. run 3 · 2026-05-04 · failed: failed"' in gates, (
        "and no other"
    )
    assert gates.count('class="interval failed"') == gates.count('class="margin"') == 1


async def test_traffic_is_told_by_version_from_each_change_on(signed, days):
    traffic = section(await shown(signed), "traffic")
    for version in (1, 2, 3):
        assert f"version {version}" in traffic
    assert "10 %" in traffic, "the canary's share"


async def test_the_steps_of_a_rollout_stand_with_the_present_one(signed, days):
    endpoint = section(await shown(signed), "endpoint")
    assert "Rollout of version 2 is" in endpoint
    assert "step 2, since" in endpoint
    steps = re.findall(r"<li( aria-current=\"step\")?>([^<]+)</li>", endpoint)
    assert [(bool(here), words) for here, words in steps] == [
        (False, "mirror 100 %"),
        (True, "10 % for 2 days"),
        (False, "all of it"),
    ]
    assert "90 %" in endpoint


async def test_quality_slices_and_drift_of_the_last_day_stand_the_worst_first(signed, days):
    text = await shown(signed)
    quality = section(text, "quality")
    assert "Quality of the data on 2026-05-20" in quality
    assert "2,000 rows, 1,800 of them labelled" in quality
    assert "nulls:area" in quality
    assert re.findall(r"\u2068(\w+)\u2069</th>", quality) == ["town", "area"]
    slices = section(text, "slices")
    assert re.findall(r"\u2068(town=\w+)\u2069", slices) == ["town=north", "town=south"]
    assert ">1.25<" in slices
    assert re.findall(r"\u2068(\w+)\u2069</td><td class=\"num\">([\d.]+)", section(text, "drift")) == [
        ("area", "0.3"),
        ("town", "0.01"),
    ]


async def test_a_run_and_the_loops_head_have_their_times(signed, days):
    text = await shown(signed)
    assert re.search(r'>run 1</a></th><td><time datetime="2026-05-04">.*?<time datetime="2027-03-04T05', text)
    assert "Alarm since 2026-05-13" in text
    assert "<dd>2,000</dd>" in text


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "Its schedule (28d) opens the next run when event time reaches 2026-06-01."),
        ({}, "An alarm of performance opens a run"),
        ({}, "Version 3 is compared with the champion on each closed day, and may come back."),
        ({"rest_until": "2026-06-02T00:00:00Z"}, "It rests until event time reaches 2026-06-02"),
        ({"state": "paused"}, "the loop is paused"),
        ({"run": None}, "Its first run opens as soon as there is data that fits the contract."),
        (
            {"run": examples.run(steps={"train": {"state": "running", "message": "", "job": None, "at": CLOCK}})},
            "Run 1 goes on, at train",
        ),
        (
            {"run": examples.run(state="awaiting-approval"),
             "conditions": [examples.condition("Progressing", "True", "Run 1 waits for 2 approvals.")]},
            "Run 1 waits for 2 approvals.",
        ),
        ({"spec": SPEC | {"triggers": {"calendar": {"every": "month", "day": 3}}}}, "on day 3 of each month"),
        ({"spec": SPEC | {"triggers": {"schedule": "each Monday"}}}, "a run opens each Monday, in event time (UTC)"),
        ({"spec": {"task": "gone"}}, "Its document is of an earlier version"),
    ],
)  # fmt: skip
async def test_what_happens_next_is_said(signed, days, more, words):
    known = days.answers["GET /v1/loops/shop"]
    spec = more.get("spec")
    if spec is not None:
        known["document"]["spec"] = spec
    known |= {name: value for name, value in more.items() if name != "spec"}
    assert words in section(await shown(signed), "next")


async def test_a_loop_of_the_cluster_is_changed_there_and_refuses_here(signed, person, days):
    owner = {"kind": "ModelLoop", "namespace": "team-a", "name": "shop", "uid": "u", "generation": 1}
    days.answers["GET /v1/loops/shop"]["owner"] = owner
    text = await shown(signed)
    assert "Declared by the ModelLoop <code>team-a/shop</code> of the cluster" in text
    assert f'<a href="{PATH}/declared">how to change it there</a>' in text
    assert "do/pause" not in text
    assert "do/retrain" in text
    for what in ("pause", "resume"):
        answer = await signed.post(f"{PATH}/do/{what}", data={"csrf": person.csrf, "key": "k"})
        assert answer.status_code == 409
        assert "set spec.suspend there" in answer.text
    assert not [key for key, *_ in days.seen if key.startswith("POST")], "nothing was asked of the controller"
