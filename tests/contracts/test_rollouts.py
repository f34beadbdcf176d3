"""A rollout says itself until when event time alone does not move it."""

from datetime import UTC, datetime, timedelta

import pytest

from millrace_contracts.rollouts import RolloutPlan, RolloutRead

PLAN = RolloutPlan.model_validate(
    {"mirror": {"percent": 100, "seconds": 4 * 86_400}, "canary": [{"percent": 10, "seconds": 1800}]}
)
SINCE = datetime(2024, 3, 29, 23, tzinfo=UTC)
"""Midnight in Berlin, two days before its clocks go forward."""


def rollout(**more):
    told = {"state": "mirroring", "step": 0, "step_since": SINCE, "plan": PLAN}
    return RolloutRead.model_construct(**told | more)


def test_a_step_of_whole_days_is_over_by_the_clocks_of_its_zone():
    over = SINCE + timedelta(days=4, hours=-1)
    assert rollout().rests_at(over - timedelta(minutes=1), "Europe/Berlin")
    assert not rollout().rests_at(over, "Europe/Berlin")
    assert rollout().rests_at(over, "UTC")


def test_each_step_has_its_own_length():
    second = rollout(state="canary", step=1)
    assert second.rests_at(SINCE + timedelta(minutes=29), "UTC")
    assert not second.rests_at(SINCE + timedelta(minutes=30), "UTC")


@pytest.mark.parametrize(
    "more", [{"state": "loading"}, {"state": "promoted"}, {"state": "aborted"}, {"step_since": None}]
)
def test_one_that_is_over_or_has_not_begun_may_move_at_any_time(more):
    assert not rollout(**more).rests_at(SINCE, "UTC")
