"""Whose turn it is: an evaluation before trainings, every loop in its turn, nobody for ever last."""

from datetime import UTC, datetime, timedelta

import pytest

from millrace_training.jobs.states import State
from millrace_training.jobs.turns import PATIENCE, Start, asker, startable
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job

BEGAN = datetime(2030, 1, 1, tzinfo=UTC)


class Machine:
    """One machine on fake time: jobs of known length, started in turn; *order* says what was started, and when."""

    def __init__(self, home, **settings) -> None:
        self.settings = TrainingSettings(home=home, **settings)
        self.now, self.jobs, self.starts = BEGAN, [], []
        self.lengths: dict[int, float] = {}
        self.order: list[tuple[str | None, str]] = []
        self.waited: dict[int, timedelta] = {}
        self.followers: dict[int, tuple[str, float]] = {}

    def submit(
        self, loop: str | None, kind: str, seconds: float, then: tuple[str, float] | None = None
    ) -> Job:
        """A job of *loop*; when it is over, its loop asks for *then*."""
        number = len(self.lengths) + 1
        job = Job(
            number=number,
            id=str(number),
            project="p",
            loop=loop,
            kind=kind,
            state=State.QUEUED,
            created_at=self.now,
        )
        self.jobs.append(job)
        self.lengths[number] = seconds
        if then is not None:
            self.followers[number] = then
        return job

    def begin(self) -> list[Job]:
        chosen = startable(self.jobs, self.settings, self.starts)
        for job in chosen:
            job.state, job.started_at, job.attempt_at = State.RUNNING, self.now, self.now
            self.starts.insert(0, Start(self.now, asker(job), job.kind))
            self.order.append((job.loop, job.kind))
            self.waited[job.number] = self.now - job.created_at
        return chosen

    def run(self) -> None:
        """Until nothing is left."""
        while self.jobs:
            self.begin()
            running = [job for job in self.jobs if job.state == State.RUNNING]
            over = min(running, key=lambda job: (self._end(job), job.number))
            self.now = self._end(over)
            self.jobs.remove(over)
            if over.number in self.followers:
                self.submit(over.loop, *self.followers[over.number])

    def _end(self, job: Job) -> datetime:
        return job.attempt_at + timedelta(seconds=self.lengths[job.number])


@pytest.fixture
def machine(home):
    return Machine(home, heavy_jobs=1, light_jobs=1)


def test_ten_loops_evaluate_each_behind_their_own_training_and_wait_for_no_other(machine):
    for number in range(10):
        machine.submit(f"loop-{number}", "train", 70, then=("evaluate", 5))
    machine.run()
    expected = [(f"loop-{number}", kind) for number in range(10) for kind in ("train", "evaluate")]
    assert machine.order == expected
    assert all(machine.waited[number] == timedelta(0) for number in range(11, 21))


def test_a_loop_with_many_jobs_takes_turns_with_one_that_has_few(machine):
    for _ in range(5):
        machine.submit("greedy", "train", 60)
    for _ in range(2):
        machine.submit("modest", "train", 60)
    machine.run()
    assert [loop for loop, _ in machine.order] == ["greedy", "modest"] * 2 + ["greedy"] * 3


def test_what_belongs_to_no_loop_has_one_turn_in_its_project(machine):
    for _ in range(3):
        machine.submit(None, "ingest", 10)
    machine.submit("a", "validate", 10)
    machine.run()
    assert [loop for loop, _ in machine.order] == [None, "a", None, None]


def test_with_room_for_several_no_loop_has_two_while_another_waits(home):
    machine = Machine(home, heavy_jobs=2)
    for loop in ("a", "a", "a", "b"):
        machine.submit(loop, "train", 60)
    assert [job.loop for job in machine.begin()] == ["a", "b"]


def test_jobs_that_read_do_not_wait_for_jobs_that_train(machine):
    machine.submit("a", "train", 60)
    machine.submit("b", "train", 60)
    machine.submit("c", "ingest", 1)
    assert [job.loop for job in machine.begin()] == ["c", "a"]


def test_an_attempt_that_was_interrupted_goes_on_before_another_training_begins(machine):
    machine.submit("a", "train", 60)
    machine.begin()
    machine.jobs[0].state = State.QUEUED
    machine.now += timedelta(hours=1)
    machine.submit("b", "train", 60)
    assert [job.loop for job in machine.begin()] == ["a"]


def test_a_training_does_not_wait_for_ever_behind_evaluations(machine):
    machine.submit("patient", "train", 60)
    for _ in range(3 * PATIENCE):
        machine.submit("busy", "evaluate", 5)
    machine.run()
    assert machine.order.index(("patient", "train")) == PATIENCE


def test_every_loop_is_served_within_one_round_however_many_jobs_the_others_have(machine):
    for loop in range(10):
        for _ in range(20):
            machine.submit(f"loop-{loop}", "train", 60)
    machine.run()
    rounds = [machine.order[start : start + 10] for start in range(0, 200, 10)]
    assert all(len(set(some)) == 10 for some in rounds)
