"""Jobs of a replay are threads: what is to end ends where it reports next."""

import asyncio
import time
from types import SimpleNamespace

from millrace_training.launch import inside
from millrace_training.runtime.folder import JobFolder
from millrace_training.tables import Job


async def test_a_job_that_ran_for_the_most_it_may_is_told_to_end(tmp_path, monkeypatch):
    told = []

    def work(folder, assignment, replayed):
        deadline = time.monotonic() + 3
        while not folder.cancel.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        told.append(folder.cancel.exists())
        return 0

    monkeypatch.setattr(inside.child, "work", work)
    monkeypatch.setattr(JobFolder, "write", lambda *told, **more: None)
    launcher = inside.InsideLauncher(lambda id: JobFolder(tmp_path / id), asyncio.Event())
    job = Job(id="long")
    await launcher.start(job, SimpleNamespace())
    assert (await launcher.look(job)).alive
    await launcher.stop(job, finished=False)
    assert told == [True]
    assert not (await launcher.look(job)).alive
