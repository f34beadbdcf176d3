"""Whom a replay waits for: what goes on by itself, and nothing that waits for event time."""

import pytest

from millrace_contracts.loop_runs import Traffic
from millrace_controller.runs.states import State, moves

STEPS = {"steps": 2}


@pytest.mark.parametrize(
    ("state", "traffic", "waited_for"),
    [
        (State.RUNNING, None, True),
        (State.AWAITING_APPROVAL, None, False),
        (State.ROLLING_OUT, None, True),
        (State.ROLLING_OUT, Traffic(state="loading", **STEPS), True),
        (State.ROLLING_OUT, Traffic(state="canary", **STEPS), False),
        (State.ROLLING_OUT, Traffic(state="mirroring", steps=0), True),
        (State.PROMOTED, Traffic(state="promoted", **STEPS), False),
    ],
)
def test_a_rollout_is_waited_for_until_it_needs_event_time(state, traffic, waited_for):
    assert moves(state, traffic) is waited_for
