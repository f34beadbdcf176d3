"""One interface over three executors: the same results, in the order of submission."""

import psutil
import pytest

from millrace_training.runtime import executors, memory
from millrace_training.runtime.errors import Cancelled, JobError, TaskFailed
from millrace_training.runtime.executors.gang import Gone, Seat
from millrace_training.runtime.executors.pool import Pool

GIB = 2**30


def never() -> bool:
    return False


@pytest.fixture
def pool():
    made = Pool(2, 4 * GIB)
    yield made
    made.close()


@pytest.mark.parametrize("name", ["inline", "pool"])
def test_results_come_in_the_order_of_submission(name):
    executor = executors.make(name, 2, 4 * GIB)
    assert list(executor.map("work:square", range(7), never)) == [number**2 for number in range(7)]
    executor.close()


def test_payloads_are_drawn_only_when_someone_can_take_them(pool):
    drawn = []

    def payloads():
        for number in range(50):
            drawn.append(number)
            yield number

    results = pool.map("work:square", payloads(), never)
    next(results)
    assert len(drawn) <= 8


def test_a_worker_has_one_thread_and_does_not_spin(pool):
    assert list(pool.map("work:environment", [0], never)) == [
        {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    ]


def test_a_payload_whose_worker_died_is_tried_again(pool, tmp_path):
    payloads = [(str(tmp_path), number) for number in range(5)]
    assert list(pool.map("work:fragile", payloads, never)) == [0, 1, 2, 3, 4]


def test_a_payload_that_always_kills_is_given_up_and_the_others_go_on(pool):
    results = list(pool.map("work:deadly", range(4), never))
    assert [results[0], *results[2:]] == [0, 2, 3]
    assert isinstance(results[1], TaskFailed)
    assert results[1].error == "WorkerDied"


def test_an_exception_is_that_payloads_result(pool):
    results = list(pool.map("work:odd", range(3), never))
    assert (results[0], results[2]) == (0, 2)
    assert str(results[1]) == "ValueError: 1 is odd"


def test_a_trial_that_eats_the_memory_fails_with_its_peak_and_the_others_go_on():
    pool = Pool(2, psutil.Process().memory_info().rss + 400 * 2**20)
    results = list(pool.map("work:hungry", range(4), never))
    pool.close()
    assert [results[0], *results[2:]] == [0, 2, 3]
    assert results[1].error == "OutOfMemory"
    assert "MiB" in results[1].detail


def test_cancelling_stops_the_workers_at_work(pool, tmp_path):
    at_work = tmp_path / "worker-0"
    with pytest.raises(Cancelled):
        list(pool.map("work:napping", [(str(tmp_path), 600, 0)], at_work.exists))
    assert not psutil.pid_exists(int(at_work.read_text()))


def test_an_unknown_executor_is_refused():
    with pytest.raises(JobError, match="no executor"):
        executors.make("dask", 1, GIB)


@pytest.mark.slow
def test_ray_gives_the_same_on_a_local_cluster_with_token_authentication(monkeypatch, tmp_path):
    executor = executors.make("ray", 2, 4 * GIB)
    try:
        assert list(executor.map("work:square", range(5), never)) == [0, 1, 4, 9, 16]
        results = list(executor.map("work:odd", range(3), never))
        assert str(results[1]) == "ValueError: 1 is odd"
        assert next(executor.map("work:environment", [0], never))["OMP_NUM_THREADS"] == "1"
        payloads = [(str(tmp_path), number) for number in range(4)]
        assert list(executor.map("work:fragile", payloads, never)) == [0, 1, 2, 3]
    finally:
        executor.close()


def test_a_seat_is_gone_with_its_machine_also_when_only_its_answer_was_there():
    from ray import exceptions

    class Lost:
        """Where an answer is what went wrong with it: a large one lies on the machine that gave it."""

        def __init__(self) -> None:
            self.exceptions = exceptions

        def get(self, asked, timeout):
            raise asked

    seat = Seat(Lost(), "node", None)
    for error in (
        exceptions.ActorDiedError(),
        exceptions.GetTimeoutError(),
        exceptions.ObjectLostError("00", None, ""),
        exceptions.OwnerDiedError("00", None, ""),
    ):
        with pytest.raises(Gone):
            seat.answer(error)
    with pytest.raises(ZeroDivisionError):
        seat.answer(ZeroDivisionError())


def test_what_workers_share_with_the_server_they_were_forked_from_is_no_reason_to_stop_them(pool):
    assert list(pool.map("work:square", range(4), never)) == [0, 1, 4, 9]
    pids = memory.below(psutil.Process().pid)[1:]
    plain = sum(memory.resident(pid) for pid in pids)
    once = memory.used(pids, 0)
    assert once < 0.8 * plain
    assert memory.used(pids, plain) == plain, "below the limit nothing has to be told apart"
