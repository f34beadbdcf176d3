"""A thousand loops at rest cost little, and none of them waits when there is something to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from millrace_controller.clock.queries import Urgency
from millrace_controller.clock.turns import IDLE, UNKNOWN, Turns

THEN = datetime(2026, 1, 1, tzinfo=UTC)


def signs(number):
    return [Urgency(id, False, (THEN, None)) for id in range(1, number + 1)]


def test_a_few_loops_all_have_their_turn_every_time():
    turns = Turns()
    for _ in range(3):
        assert turns.take(signs(IDLE)) == list(range(1, IDLE + 1))


def test_after_a_start_all_are_looked_at_soon():
    turns, seen = Turns(), set()
    for _ in range(1000 // UNKNOWN):
        taken = turns.take(signs(1000))
        assert len(taken) == UNKNOWN
        seen.update(taken)
    assert len(seen) == 1000


def test_at_rest_each_has_its_turn_and_a_pass_is_short():
    turns = Turns()
    for _ in range(1000 // UNKNOWN):
        turns.take(signs(1000))
    seen = []
    for _ in range(-(-1000 // IDLE)):
        taken = turns.take(signs(1000))
        assert len(taken) == IDLE
        seen += taken
    assert set(seen) == set(range(1, 1001))


def test_work_and_touched_loops_come_at_once_every_time():
    turns = Turns()
    for _ in range(20):
        turns.take(signs(1000))
    busy, touched, woken = 900, 901, 902
    found = signs(1000)
    found[busy - 1] = replace(found[busy - 1], busy=True)
    found[touched - 1] = replace(found[touched - 1], stamp=(THEN + timedelta(1), None))
    found[woken - 1] = replace(found[woken - 1], stamp=(THEN, THEN))
    assert {busy, touched, woken} <= set(turns.take(found))
    again = turns.take(found)
    assert busy in again
    assert touched not in again


def test_a_new_loop_comes_at_once_and_a_deleted_one_is_forgotten():
    turns = Turns()
    for _ in range(20):
        turns.take(signs(1000))
    assert 1001 in turns.take(signs(1001))
    assert all(id <= 500 for id in turns.take(signs(500)))
