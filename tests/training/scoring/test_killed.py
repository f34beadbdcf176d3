"""SIGKILL of a job that scores: the next attempt goes on behind the last finished part, and writes the same bytes."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from tests.training.scoring.examples import Registry, over_http, table

from millrace_contracts.scoring import ScoreResult
from millrace_training.runtime.assignment import Assignment, JobIdentity
from millrace_training.runtime.folder import JobFolder

PARTS, ROWS = 4, 33_000


def prepared(path, spec):
    """The folder of a job, as the service leaves it to the job's process."""
    folder = JobFolder(path)
    folder.make()
    identity = JobIdentity("1", "key", "score", "shop", None, 1)
    work = Assignment(
        run="millrace_training.kinds:score", spec=spec, project="default", threads=1, memory_bytes=2 << 30,
        wall_seconds=100, job=identity,
    )  # fmt: skip
    folder.write("assignment", work)
    return folder


def start(folder, url):
    command = [sys.executable, "-m", "millrace_training.process.child", str(folder.path)]
    return subprocess.Popen(command, env=os.environ | {"MILLRACE_REGISTRY_URL": url, "MILLRACE_TOKEN": "x"})


@pytest.mark.parametrize("declared", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_killed_job_goes_on_and_writes_the_same_bytes(tmp_path, background, declared):
    registry, sink = Registry(), io.BytesIO()
    parquet.write_table(table(PARTS * ROWS), sink, row_group_size=ROWS)
    source = {"digest": registry.keep(sink.getvalue()), "name": "may.parquet", "format": "parquet"}

    def asked(name):
        """By hand, or as a loop that declares it asks: into a folder, for a due time."""
        spec = {"model": "shop", "version": 3, "files": [source], "output": "csv"}
        into = {"path": str(tmp_path / f"{name}-scored"), "format": "csv"}
        more = {"sink": into, "called": "shop-1", "at": "2030-01-01T00:00:00Z"}
        return spec | (more if declared else {})

    url, stop = background(over_http(registry))
    try:
        whole, killed = (prepared(tmp_path / name, asked(name)) for name in ("whole", "killed"))
        process, undisturbed = start(killed, url), start(whole, url)
        while not (killed.scratch / "part-000001.json").exists() and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert undisturbed.wait(90) == 0
        assert start(killed, url).wait(90) == 0
    finally:
        stop()
    once, twice = (folder.read("result", ScoreResult) for folder in (whole, killed))
    assert twice.files == once.files
    assert twice.rows == PARTS * ROWS
    assert 2 <= twice.cost.resumed <= PARTS == twice.cost.parts
    if declared:
        written = [Path(path) for result in (once, twice) for path in result.written]
        assert [path.name for path in written] == ["shop-1.csv"] * 2
        assert written[0].read_bytes() == written[1].read_bytes()
