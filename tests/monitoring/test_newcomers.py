"""A class that turns up later: labels of it are kept by name, count as errors, call for a run, and are learnt from."""

from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace_contracts.monitors import MonitorPolicy
from millrace_monitoring.alarms.findings import Ending
from millrace_monitoring.closing import day
from millrace_monitoring.detectors import newcomers
from millrace_monitoring.detectors.day import JudgedDay
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.labels import queries as labels
from millrace_monitoring.monitors import classes
from millrace_monitoring.reports import predictions
from millrace_stats.tasks.ranking import EDGE

from .flowers import (
    KINDS,
    SIGNATURE,
    TASK,
    flower_monitor,
    flower_record,
    flowers_of_day,
    probabilities,
    version,
)
from .gateway import send
from .sales import START, labels_of

PATH = "/v1/monitors/sales/labels"
AT = (START + timedelta(days=1)).isoformat()
GUESS = {"name": "kind", "type": "string", "allowed": KINDS, "unknown_at_most": 0.05, "guessed": True}
SAID = GUESS | {"guessed": False}
MESSY = [
    "lily",
    " lily ",
    "iris",
    " iris",
    "Iris",
    "",
    "   ",
    "x" * 300,
    "a\nb",
    7,
    7.0,
    True,
    "ROSE",
    "lily\t",
    "Lily",
]


async def flower_day(service, number, kinds_of=lambda kinds: kinds, rows=60):
    """One day through the gateway with its labels, as `kinds_of` changes the true ones."""
    features, kinds = flowers_of_day(number, rows=rows)
    at = START + timedelta(days=number, hours=3)
    await send(
        service.otlp_port, [flower_record(f"d{number}-0", features, probabilities(features["price"]), at)]
    )
    kinds = kinds_of(list(kinds))
    sent = [
        one | {"value": kind}
        for one, kind in zip(labels_of(number, np.zeros(len(kinds)), size=10**6), kinds, strict=True)
    ]
    through = (START + timedelta(days=number + 1)).isoformat()
    answer = await service.call("POST", PATH, json={"labels": sent, "complete_through": through})
    return features, kinds, answer


async def push(service, *values):
    sent = [{"request_id": f"q-{place}", "value": value, "at": AT} for place, value in enumerate(values)]
    return await service.call("POST", PATH, json={"labels": sent})


async def names(service, count):
    async with service.app.state.services.readers() as session:
        found = await labels.of(session, "default", "sales", [f"q-{place}" for place in range(count)])
    told = {one.request_id: one.name or KINDS[int(one.value)] for one in found}
    return [told.get(f"q-{place}") for place in range(count)]


def some_lilies(count):
    return lambda kinds: ["lily"] * count + kinds[count:]


class TestEntrance:
    async def test_a_guess_takes_a_class_that_the_version_does_not_know_and_tells_it(self, service):
        await service.declare(flower_monitor(version(service.registry, 1), promise=GUESS))
        told = await push(service, "iris", "lily", "lily", "aster")
        assert (told["new"], told["refused"], told["unknown"]) == (4, 0, 3)
        assert told["new_classes"] == [{"value": "lily", "labels": 2}, {"value": "aster", "labels": 1}]
        assert await names(service, 4) == ["iris", "lily", "lily", "aster"]

    @pytest.mark.parametrize("promise", [None, SAID], ids=["nothing said", "a person said them"])
    async def test_what_a_person_said_is_held_and_the_answer_says_how_to_mend_it(self, service, promise):
        more = {} if promise is None else {"promise": promise}
        await service.declare(flower_monitor(version(service.registry, 1), **more))
        told = await push(service, "iris", "lily")
        assert (told["new"], told["refused"], told["unknown"]) == (1, 1, 0)
        assert told["refusals"][0]["reason"].startswith("is none of the classes iris, rose, tulip")
        assert promise is None or "add it there and apply the loop" in told["refusals"][0]["reason"]
        assert await names(service, 2) == ["iris", None]

    async def test_a_class_that_a_person_allowed_is_taken_before_any_version_knows_it(self, service):
        promise = SAID | {"allowed": [*KINDS, "lily"]}
        await service.declare(flower_monitor(version(service.registry, 1), promise=promise))
        assert (await push(service, "lily", "aster"))["unknown"] == 1

    async def test_blanks_do_not_make_a_class_and_spellings_and_what_is_none_are_refused(self, service):
        await service.declare(flower_monitor(version(service.registry, 1), promise=GUESS))
        sent = [value for value in MESSY if value != ""]
        told = await push(service, *sent)
        assert told["new"] + told["refused"] == len(sent)
        kept = dict(zip(map(repr, sent), await names(service, len(sent)), strict=True))
        assert kept == {
            "'lily'": "lily", "' lily '": "lily", "'iris'": "iris", "' iris'": "iris", "'Iris'": None, "'   '": None,
            repr("x" * 300): None, "'a\\nb'": None, "7": "7", "7.0": "7", "True": "true", "'ROSE'": None,
            "'lily\\t'": "lily", "'Lily'": "Lily",
        }  # fmt: skip
        reasons = {item["value"]: item["reason"] for item in told["refusals"]}
        assert reasons["Iris"] == "is iris in another spelling: send it as the data has it"

    async def test_numbers_are_classes_in_whatever_form_they_are_sent(self, service):
        signature = SIGNATURE | {"classes": [0, 1, 2]}
        promise = {"name": "kind", "type": "integer", "minimum": 0, "maximum": 2, "guessed": True}
        declared = flower_monitor(version(service.registry, 1), promise=promise, signature=signature)
        await service.declare(declared)
        told = await push(service, "3", 3, 3.0, " 3", "x", 2.5, "1")
        assert told["new_classes"] == [{"value": "3", "labels": 4}]
        assert (told["new"], told["refused"]) == (5, 2)

    async def test_ten_thousand_different_classes_cost_no_label_and_few_names_are_told(self, service):
        await service.declare(flower_monitor(version(service.registry, 1), promise=GUESS))
        told = await push(service, *(f"kind {place}" for place in range(10_000)))
        assert (told["new"], told["refused"], told["unknown"]) == (10_000, 0, 10_000)
        assert len(told["new_classes"]) == 20
        metrics = (await service.call("GET", "/metrics")).text
        lines = [
            line for line in metrics.splitlines() if line.startswith("millrace_labels_of_new_classes_total")
        ]
        assert len(lines) == 1


class TestDay:
    async def test_the_champion_is_wrong_where_a_label_names_a_class_it_does_not_know(self, service):
        await service.declare(flower_monitor(version(service.registry, 1), promise=GUESS))
        features, kinds, _ = await flower_day(service, 0, some_lilies(4))
        (closed,) = await service.closed(1)
        rows = TASK.losses(TASK.encode(kinds, KINDS), probabilities(features["price"]))
        rows[:4] = -np.log(EDGE)
        assert closed["labelled"] == 60
        assert closed["loss"] == pytest.approx(rows.mean(), rel=1e-4)
        assert closed["newcomers"] == {
            "labels": 4,
            "classes": [{"value": "lily", "labels": 4, "labels_so_far": 4, "days_so_far": 1}],
            "others": 0,
        }

    async def test_a_class_with_rows_enough_on_two_days_calls_for_a_run_once(self, service):
        await service.declare(flower_monitor(version(service.registry, 1), promise=GUESS))
        for number, count in enumerate((9, 1, 3)):
            await flower_day(service, number, some_lilies(count))
        days = await service.closed(3)
        found = [[one["cause"] for one in day["alarms"] if one["cause"].endswith("classes")] for day in days]
        assert found == [[], ["performance:new classes"], []]
        reason = next(one["reason"] for one in days[1]["alarms"] if one["cause"] == "performance:new classes")
        assert reason == (
            "10 labels of class 'lily' on 2 days, which version 1 does not know: the next run can learn it"
        )

    async def test_typos_of_few_rows_raise_no_alarm(self, service):
        await service.declare(flower_monitor(version(service.registry, 1), promise=GUESS))
        for number in range(3):
            await flower_day(service, number, lambda kinds: ["li1y", f"typo {number}", *kinds[2:]])  # noqa: B023
        days = await service.closed(3)
        assert not [one for day in days for one in day["alarms"]]
        assert [one["value"] for one in days[2]["newcomers"]["classes"]] == ["li1y", "typo 2"]

    async def test_feedback_has_the_new_class_as_it_was_said(self, service):
        await service.declare(flower_monitor(version(service.registry, 1), promise=GUESS))
        _, kinds, _ = await flower_day(service, 0, some_lilies(2))
        await service.closed(1)
        data = (await service.call("GET", "/v1/monitors/sales/feedback")).content
        assert pq.read_table(pa.BufferReader(data))["kind"].to_pylist() == kinds

    def test_a_report_draws_them_as_one_class_more_that_was_never_chosen(self):
        labels, answers = np.array([0.0, 3.0, 7.0]), np.full((3, 3), 1 / 3)
        places, wide, names = predictions._with_unknown(labels, answers, KINDS)
        assert (places.tolist(), list(names)) == ([0.0, 3.0, 3.0], [*KINDS, "(unknown to it)"])
        assert wide[:, 3].tolist() == [0.0, 0.0, 0.0]


class TestNextVersion:
    async def test_labels_of_open_days_are_of_the_class_once_a_version_knows_it(self, service):
        first = version(service.registry, 1)
        await service.declare(flower_monitor(first, promise=GUESS))
        await push(service, "lily", "iris", "aster", "tulip")
        signature = SIGNATURE | {"classes": ["iris", "lily", "rose", "tulip"]}
        signature["outputs"] = [signature["outputs"][0] | {"width": 4}, signature["outputs"][1]]
        second = version(service.registry, 2) | {"classes": signature["classes"]}
        await service.declare(flower_monitor(second, signature=signature, promise=GUESS))
        async with service.app.state.services.readers() as session:
            found = await labels.of(session, "default", "sales", [f"q-{place}" for place in range(4)])
        told = {one.request_id: (one.value, one.name) for one in found}
        assert told["q-0"] == (1.0, None)
        assert told["q-1"] == (0.0, None)
        assert told["q-3"] == (3.0, None)
        assert told["q-2"][1] == "aster"
        await service.declare(flower_monitor(first, promise=GUESS))
        async with service.app.state.services.readers() as session:
            back = await labels.of(session, "default", "sales", ["q-0", "q-2"])
        assert {one.request_id: one.name for one in back} == {"q-0": "lily", "q-2": "aster"}


class TestWhoKnows:
    def test_an_archived_version_that_knows_the_class_is_judged_by_it_and_the_champion_is_not_spared(self):
        rows = SimpleNamespace(new=("aster", "lily"), labels=np.array([0.0, 3.0, 4.0, np.nan]))
        known = [SimpleNamespace(classes=KINDS), SimpleNamespace(classes=[*KINDS, "lily"])]
        given = SimpleNamespace(answers=Answers(TASK, tuple(KINDS)), rows=rows, versions=known)
        answers, places = day._truth(given)
        assert answers.classes == (*KINDS, "lily")
        assert places.tolist()[:3] == [0.0, 4.0, 3.0]
        given.versions = known[:1]
        assert day._truth(given)[1] is rows.labels

    def test_of_many_names_the_commonest_are_counted_from_day_to_day(self):
        state = newcomers.NewcomersState()
        for number in range(5):
            names = {f"name {number}-{place}": 1 for place in range(1000)} | {"lily": 3}
            today = JudgedDay(START.date() + timedelta(days=number), MonitorPolicy(), newcomers=names)
            finding, state = newcomers.judge(today, state)
            assert len(state.classes) <= newcomers.REMEMBERED
            assert len(finding.told.classes) == newcomers.SHOWN
        assert state.classes["lily"].labels == 15
        quiet = JudgedDay(START.date() + timedelta(days=60), MonitorPolicy())
        assert newcomers.judge(quiet, state)[0].endings == {Ending("performance", newcomers.CAUSE)}

    def test_labels_of_a_day_that_closed_before_lie_behind_the_classes_that_are_known_since(self):
        assert classes.recoded(np.array([0.0, 3.0, np.nan]), [*KINDS, "lily"], KINDS).tolist()[:2] == [
            0.0,
            3.0,
        ]
        assert classes.recoded(
            np.array([3.0]), [*KINDS, "lily"], ["iris", "lily", "rose", "tulip"]
        ).tolist() == [1.0]
