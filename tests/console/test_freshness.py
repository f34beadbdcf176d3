"""Whether rows are fresh is said by what is declared, and by nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.sdk import examples

from millrace_console.data.freshness import ago, freshness
from millrace_contracts.datasets import DatasetVersionRead
from millrace_contracts.loop import Spec
from millrace_contracts.pulls import SourceRead

NOW = datetime(2027, 3, 4, tzinfo=UTC)
CONTRACT = {"columns": [], "rows": {"minimum": 50}}


def spec(**triggers):
    data = {"dataset": "shop", "eventTime": "at", "labelDelay": "7d"}
    return Spec.model_validate({"task": "regression", "target": "y", "data": data, "triggers": triggers})


def version(**more):
    known = {"created_at": "2027-03-01T00:00:00Z", "last_event": "2026-05-03T00:00:00Z", "rows": 90}
    return DatasetVersionRead.model_validate(examples.dataset_version(**known | more))


def source(**more):
    known = {
        "loop": "shop", "kind": "sql", "state": "waiting", "every": "1h", "next_at": None, "looked_at": None,
        "failures": 0, "message": "nothing new", "job": None, "new_rows": 0, "refused": 0,
    }  # fmt: skip
    return SourceRead.model_validate(known | more)


def day(number):
    return datetime(2026, 5, 3, tzinfo=UTC) + timedelta(days=number)


def test_what_came_last_stands_in_both_times():
    found = freshness(None, None, version(), None, NOW)
    assert found.told == ["The last delivery came 3 days ago; rows reach up to 2026-05-03 in event time."]
    assert (found.late, found.judged) == ([], False)
    assert "no event time" in freshness(None, None, version(last_event=None), None, NOW).told[0]
    assert freshness(None, None, None, None, NOW).told == []


@pytest.mark.parametrize(
    ("rows", "late"), [(50, []), (49, ["1 row more have to come before a run can learn."])]
)
def test_fewer_rows_than_the_contract_wants_are_a_fault(rows, late):
    found = freshness(None, None, version(rows=rows, contract=CONTRACT), None, NOW)
    assert found.told[1] == f"A run wants at least 50 rows in all; there are {rows}."
    assert (found.late, found.judged) == (late, True)


def test_new_rows_that_open_a_run_are_told_and_judge_nothing():
    found = freshness(spec(newData={"rows": 500}), None, version(), day(300), NOW)
    assert "500 new rows open a run by themselves." in found.told
    assert (found.late, found.judged) == ([], False)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"next_at": NOW - timedelta(minutes=60)}, None),
        (
            {"next_at": NOW - timedelta(minutes=125)},
            "Its source was to be looked at 2 hours ago, and was not.",
        ),
        ({"failures": 2, "message": "no route"}, "The last 2 looks at its source failed: no route"),
        ({"every": None, "failures": 2}, None),
    ],
)
def test_a_source_is_late_after_a_whole_turn_or_where_it_failed(more, words):
    assert freshness(None, source(**more), None, None, NOW).late == ([words] if words else [])


@pytest.mark.parametrize(
    ("triggers", "turn"),
    [
        ({"schedule": "28d"}, 28),
        ({"schedule": "each Monday"}, 7),
        ({"calendar": {"every": "month", "day": 3}}, 31),
    ],
)
def test_rows_further_back_than_a_turn_and_the_labels_delay_are_late(triggers, turn):
    asked = spec(**triggers)
    assert freshness(asked, None, version(), day(turn + 7), NOW).late == []
    (late,) = freshness(asked, None, version(), day(turn + 8), NOW).late
    assert f"no row is of the {turn + 8} days before" in late
    assert freshness(asked, None, version(last_event=None), day(99), NOW).late == []
    assert freshness(asked, None, version(), None, NOW).judged


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(59, "just now"), (60, "1 minute ago"), (7300, "2 hours ago"), (86_400, "1 day ago")],
)
def test_how_long_ago(seconds, words):
    assert ago(timedelta(seconds=seconds)) == words
