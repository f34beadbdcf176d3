"""The self-test of an installation asks for a loop that is valid, and tells in one sentence what is wrong."""

import csv

import httpx
import pytest

from millrace import selftest
from millrace.client import ApiError, JobFailed
from millrace_contracts.bodies import Page
from millrace_contracts.jobs import JobRead
from millrace_contracts.loop import ModelLoop
from millrace_contracts.loop_runs import LoopRunRead
from millrace_contracts.loops import LoopRead
from millrace_contracts.predictions import PredictionAnswer
from millrace_contracts.rows import IngestResult

from . import examples


class Serving:
    """Answers by the sign of `a`, after some failures."""

    def __init__(self, failures=0, status=503):
        self.failures, self.status = failures, status

    def predict(self, name, rows):
        if self.failures:
            self.failures -= 1
            raise ApiError(self.status, {"detail": "no route yet"}, "")
        predictions = [0.9 if rows[0]["a"] > 0 else 0.1]
        return PredictionAnswer(request_id="r1", revision="r", version=1, predictions=predictions)


class Platform:
    """As much of a platform as the self-test asks for."""

    project = "selftest"

    def __init__(self, state="promoted", **serving):
        self.serving = Serving(**serving)
        self.registry = self.controller = self
        self.state, self.declared, self.deleted = state, ["selftest-old", "flights"], []

    def put_project(self, project, description):
        assert project == "selftest"

    def loops(self):
        return [LoopRead.model_validate(examples.loop(name=name)) for name in self.declared]

    def apply(self, loop):
        ModelLoop.model_validate(loop.document())
        self.declared.append(loop.metadata.name)

    def await_run(self, loop, number, timeout):
        return LoopRunRead.model_validate(examples.run(state=self.state, message="the gate failed"))

    def delete(self, loop):
        self.deleted.append(loop)


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(
        selftest,
        "push",
        lambda client, name, path, progress: IngestResult(accepted=path.stat().st_size > 0, reason=""),
    )
    monkeypatch.setattr(selftest.time, "sleep", lambda _: None)


def silent(*_, **__):
    pass


def test_it_leaves_no_loop_and_sweeps_what_an_interrupted_one_left():
    platform = Platform()
    selftest.run(platform, silent)
    made = platform.declared[-1]
    assert platform.deleted == ["selftest-old", made]


def test_it_is_patient_with_a_route_that_is_on_its_way():
    selftest.run(Platform(failures=3), silent)


def test_a_refusal_is_not_waited_for():
    with pytest.raises(ApiError):
        selftest.run(Platform(failures=1, status=422), silent)


def test_a_failed_run_is_told_with_its_reason_and_cleaned_up():
    platform = Platform(state="rejected")
    with pytest.raises(selftest.Failed, match="rejected: the gate failed"):
        selftest.run(platform, silent)
    assert platform.deleted[-1] == platform.declared[-1]


def test_the_rows_are_the_same_every_time_and_can_be_learned(tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    selftest.write_rows(first)
    selftest.write_rows(second)
    assert first.read_bytes() == second.read_bytes()
    rows = list(csv.DictReader(first.open()))
    right = sum((float(row["a"]) + float(row["b"]) > 0) == (row["label"] == "1") for row in rows)
    assert right / len(rows) > 0.85


NO_ROOM = {"reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu."}


class Full(Platform):
    """A platform whose jobs find no room; `late` says who gives up."""

    def __init__(self, monkeypatch, at):
        super().__init__()
        self.training, self.at, self.clock = self, at, 0.0
        monkeypatch.setattr(selftest.time, "monotonic", lambda: self.clock)
        monkeypatch.setattr(selftest, "push", self.push)

    def push(self, client, name, path, progress):
        if self.at != "push":
            return IngestResult(accepted=True, reason="")
        for _ in range(100):
            self.clock += 30
            progress(self.jobs(name).items[0])
        raise AssertionError("it would wait for longer than Helm does")

    def await_run(self, loop, number, timeout):
        assert timeout <= selftest.PATIENCE
        raise TimeoutError(f"run 1 of {loop} has not ended after {timeout:.0f} s")

    def jobs(self, loop):
        waiting = JobRead.model_validate(examples.job(kind="ingest", state="queued", waiting=NO_ROOM))
        return Page[JobRead](items=[waiting], next=None)

    def loop(self, name):
        stalled = examples.condition(
            "Stalled", "True", "Run 1, train: 0/1 nodes are available: 1 Insufficient cpu."
        )
        return LoopRead.model_validate(examples.loop(conditions=[stalled]))


@pytest.mark.parametrize("at", ["push", "run"])
def test_a_platform_without_room_is_told_with_the_job_the_missing_cpu_and_the_mend_before_helm_gives_up(
    monkeypatch, at
):
    platform = Full(monkeypatch, at)
    with pytest.raises(selftest.Failed) as failed:
        selftest.run(platform, silent)
    said = str(failed.value)
    assert "Job ingest is queued: Unschedulable, 0/1 nodes are available: 1 Insufficient cpu" in said
    assert "Stalled: Because, Run 1, train" in said
    assert "training.job.cpu" in said
    assert platform.clock < 300, "Helm's own patience"
    assert platform.deleted[-1] == platform.declared[-1]


def test_a_job_that_was_given_up_for_want_of_room_is_told_with_the_mend(monkeypatch):
    """The platform was less patient than the test: no job waits any more, and what ended it says why."""
    platform = Full(monkeypatch, "push")
    error = {"title": "No room", "status": 422, "detail": "0/1 nodes are available: 1 Insufficient cpu."}
    given_up = JobRead.model_validate(examples.job(kind="ingest", state="failed", error=error))

    def push(client, name, path, progress):
        raise JobFailed(given_up)

    monkeypatch.setattr(selftest, "push", push)
    with pytest.raises(selftest.Failed) as failed:
        selftest.run(platform, silent)
    assert "1 Insufficient cpu. Give the cluster room" in str(failed.value)
    assert "names nothing" not in str(failed.value)


def test_a_part_that_does_not_answer_is_named_with_what_to_look_at(monkeypatch):
    def away(_):
        raise httpx.ConnectError(
            "refused", request=httpx.Request("PUT", "http://millrace-registry:8080/v1/x")
        )

    monkeypatch.setattr(selftest, "run", away)
    monkeypatch.setattr(selftest.Millrace, "from_environment", lambda: None)
    with pytest.raises(SystemExit) as ended:
        selftest.main()
    assert "http://millrace-registry:8080/v1/x does not answer (refused)" in str(ended.value)
    assert "NetworkPolicy" in str(ended.value)
