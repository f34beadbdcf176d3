"""Fifty loops of five projects on two cores, on fake time: all end in a fair order; and what breaks that is seen."""

import pytest

from millrace_training.settings import TrainingSettings

from .crowd import Crowd, faults, unfair

EQUAL = dict.fromkeys(("a", "b", "c", "d", "e"), 10)
UNEQUAL = {"a": 30, "b": 10, "c": 6, "d": 3, "e": 1}


@pytest.fixture
def crowd(tmp_path):
    def made(loops, **more):
        return Crowd(TrainingSettings(home=tmp_path, platform="kubernetes", namespace="m"), loops, **more)

    return made


@pytest.mark.parametrize("loops", [EQUAL, UNEQUAL])
def test_fifty_loops_all_reach_a_champion_in_a_fair_order_and_deliveries_do_not_wait_for_them(crowd, loops):
    many = crowd(loops)
    for at in range(5, 500, 45):
        many.push(at, "abcde"[at % 5])
    many.run()
    assert faults(many, longest=1500) == []
    assert len(many.pushes) == 11


def test_a_project_with_one_loop_is_served_in_the_first_round(crowd):
    many = crowd(UNEQUAL)
    many.run()
    assert "e" in [project for project, _ in many.champions[:7]]


def test_on_one_machine_the_same_rules_serve_ten_loops(crowd, tmp_path):
    many = crowd({"a": 6, "b": 4}, cpu=100)
    many.settings = TrainingSettings(home=tmp_path, heavy_jobs=1, light_jobs=2)
    many.run()
    assert faults(many, longest=500) == []
    assert max(len(many.opened), 1) == 10


def test_runners_that_hold_processor_time_while_every_run_is_open_are_found_out(crowd):
    many = crowd(EQUAL, runner_cpu=0.1, queue=False)
    many.run()
    told = faults(many, longest=1500)
    assert any("have no champion" in item for item in told)
    assert any("no node after 301 s" in item for item in told), "as it was before there was a queue"


def test_with_a_queue_even_runners_that_hold_some_do_no_harm(crowd):
    many = crowd(EQUAL, runner_cpu=0.1)
    many.run()
    assert faults(many, longest=1700) == []


def test_an_order_without_shares_is_found_out(crowd):
    many = crowd(EQUAL, shared=False)
    many.run()
    assert len(many.champions) == 50
    assert faults(many, longest=1500) != []
    assert unfair(["a", "a", "a", "a", "b"], {"a": 4, "b": 2})
