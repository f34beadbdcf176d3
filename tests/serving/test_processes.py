"""A process outlives our crash and is adopted; what does not fit is ended; what dies comes back with back-off."""

import asyncio
import subprocess
import sys
import time

import pytest

from millrace_serving.processes import recorded
from millrace_serving.processes.supervised import BACKOFF, Launch, Supervised

SLEEP = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
time.sleep(60)
"""


@pytest.fixture
def supervised(tmp_path):
    made = []

    def make(content="", code=SLEEP, marker=None, first=tuple):
        marker = marker or f"marker={tmp_path}"
        launch = Launch([sys.executable, "-c", code, marker], {}, marker, content, first)
        process = Supervised(
            "probe", tmp_path / "run/probe.json", tmp_path / "logs/probe.log", lambda: launch, 1.0
        )
        made.append(process)
        return process

    yield make
    for process in made:
        if process.record is not None:
            recorded.end_group(process.record.pid, 0)


async def test_the_end_of_a_process_is_heard_at_once_whether_it_was_started_or_adopted(supervised):
    started, adopted, ended = supervised(), supervised(), asyncio.Event()
    for process in (started, adopted):
        await started.ensure()
        if process is adopted:
            assert await adopted.adopt()
        ended.clear()
        process._ear._then = ended.set
        recorded.end_group(process.record.pid, 0)
        async with asyncio.timeout(2):
            await ended.wait()
        assert not process.running


async def test_a_process_whose_time_has_come_again_asks_for_it(supervised, monkeypatch):
    monkeypatch.setattr("millrace_serving.processes.supervised.BACKOFF", (0.3,) * 6)
    process, due = supervised(code="pass"), asyncio.Event()
    process.due = due.set
    await process.ensure()
    async with asyncio.timeout(10):
        while process.running:
            await asyncio.sleep(0.02)
    assert not await process.ensure()
    due.clear()
    async with asyncio.timeout(2):
        await due.wait()
    assert await process.ensure()


def group(pid):
    found = subprocess.run(["pgrep", "-g", str(pid)], capture_output=True, text=True).stdout.split()
    return [int(item) for item in found if recorded.started(int(item)) is not None]


async def test_the_same_process_is_adopted_and_stopped_with_its_children(supervised):
    first = supervised()
    assert not await first.adopt()
    assert await first.ensure()
    await asyncio.sleep(0.3)
    second = supervised()
    assert await second.adopt()
    assert second.record == first.record
    assert not await second.ensure()
    members = group(second.record.pid)
    assert len(members) == 2
    await second.stop()
    assert group(members[0]) == []


async def seen(process):
    """A process that has just begun has no command line to be known by, for a moment."""
    marker = process.launch().marker
    while process.record.pid not in recorded.marked(marker):
        await asyncio.sleep(0.01)


async def test_a_leftover_with_another_configuration_or_no_record_is_ended(supervised, tmp_path):
    first = supervised()
    await first.ensure()
    await seen(first)
    second = supervised(content="changed")
    assert not await second.adopt()
    assert not recorded.alive(first.record)
    await second.ensure()
    await seen(second)
    (tmp_path / "run/probe.json").unlink()
    third = supervised(content="changed")
    assert not await third.adopt()
    assert not recorded.alive(second.record)


async def test_a_reused_pid_is_not_taken_for_ours(supervised, tmp_path):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    process = supervised()
    digest = process.launch().digest
    recorded.write(tmp_path / "run/probe.json", recorded.Record(stranger.pid, 1, digest))
    assert not await process.adopt()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


async def test_a_process_that_dies_at_once_is_restarted_with_back_off(supervised):
    process = supervised(code="pass")
    starts = 0
    deadline = time.monotonic() + 1.6
    while time.monotonic() < deadline:
        starts += await process.ensure()
        await asyncio.sleep(0.02)
    assert 2 <= starts <= 4
    assert process.restarts >= 2
    assert list(BACKOFF) == sorted(BACKOFF)


async def test_what_may_have_killed_a_process_before_it_worked_is_left_out_of_its_next_start(
    supervised, tmp_path
):
    told = "import pathlib, sys; pathlib.Path('told').open('a').write(f'{len(sys.argv)} ')"
    process = supervised(code=told, first=lambda: ["--extra"])
    while process.restarts < 3:
        await process.ensure()
        await asyncio.sleep(0.02)
    (heard,) = tmp_path.rglob("told")
    assert heard.read_text().split()[:3] == ["3", "2", "2"]


def test_records_are_private_and_nonsense_is_no_record(tmp_path):
    path = tmp_path / "run" / "probe.json"
    recorded.write(path, recorded.Record(1, 2, "d"))
    assert recorded.read(path) == recorded.Record(1, 2, "d")
    assert path.stat().st_mode & 0o077 == 0
    for text in ("", "[]", '{"pid": "x", "started": 1}'):
        path.write_text(text)
        assert recorded.read(path) is None
