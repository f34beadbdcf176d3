"""Workers of one machine have the CPUs that jobs are granted there, whoever is asked."""

import pytest

from millrace_contracts.workers import Workers
from millrace_core import room
from millrace_core.errors import BadInput
from millrace_core.settings import WorkloadSettings

TEAM = Workers(least=1, most=3, cpu=2)


def test_cpus_granted_to_jobs_decide_and_not_those_of_the_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("MILLRACE_JOB_THREADS", "4")
    settings = WorkloadSettings(home=tmp_path)
    with pytest.raises(BadInput, match="6 CPUs; jobs may use 4 on this machine: workers: 2 fits") as refused:
        room.check(TEAM, settings, "spec.training.workers")
    assert refused.value.errors[0].where == "spec.training.workers"
    monkeypatch.setenv("MILLRACE_JOB_THREADS", "6")
    room.check(TEAM, WorkloadSettings(home=tmp_path), "spec.training.workers")


def test_a_cluster_places_them_itself_and_no_workers_always_fit(tmp_path, monkeypatch):
    monkeypatch.setenv("MILLRACE_JOB_THREADS", "1")
    room.check(TEAM, WorkloadSettings(home=tmp_path, platform="kubernetes"), "x")
    room.check(None, WorkloadSettings(home=tmp_path), "x")
