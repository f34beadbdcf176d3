"""The self-test of an installation asks for a loop that is valid, and tells in one sentence what is wrong."""

import csv

import pytest

from millrace import selftest
from millrace.client import ApiError
from millrace.loop import ModelLoop


class Serving:
    """Answers by the sign of `a`, after some failures."""

    def __init__(self, failures=0, status=503):
        self.failures, self.status = failures, status

    def predict(self, name, rows):
        if self.failures:
            self.failures -= 1
            raise ApiError(self.status, {"detail": "no route yet"}, "")
        return {"predictions": [0.9 if rows[0]["a"] > 0 else 0.1]}


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
        return [{"name": name} for name in self.declared]

    def apply(self, document):
        ModelLoop.model_validate(document)
        self.declared.append(document["metadata"]["name"])

    def await_run(self, loop, number, timeout):
        return {"state": self.state, "message": "the gate failed"}

    def delete(self, loop):
        self.deleted.append(loop)


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(selftest, "push", lambda client, name, path: {"accepted": path.stat().st_size > 0})
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
