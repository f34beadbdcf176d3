"""Workers train one model together: their shares add up to the rows, and what is killed goes on."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.training.code.workers import ADDED, LEARNS

from millrace_contracts.custom_code import CodeFailure, CodeLost
from millrace_contracts.workers import Workers
from millrace_training.code import millrace_job, millrace_run
from millrace_training.code.losses import IN_VAIN, MOST_LOSSES, Losses
from millrace_training.runtime.errors import JobError

EXAMPLE = Path(__file__).parents[3] / "docs" / "howto" / "own-training-workers"


class Folder:
    """A folder as the job lays it out, with the tools and numbered rows."""

    def __init__(self, path: Path, body: str, rows: int = 101) -> None:
        self.path, self.code = path, path / "code"
        for place in (self.code, path / "rows", path / "tmp"):
            place.mkdir(parents=True)
        for tool in (millrace_run, millrace_job):
            (path / Path(tool.__file__).name).write_bytes(Path(tool.__file__).read_bytes())
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        (self.code / "train.py").write_text(f"{ADDED}\ndef main(job):\n{lines}")
        np.save(path / "rows" / "matrix.npy", np.arange(2 * rows, dtype=np.float32).reshape(rows, 2))
        np.save(path / "rows" / "target.npy", np.arange(rows, dtype=np.float32))
        words = {"name": "word", "words": ["a", "b"]}
        np.save(path / "rows" / "0.npy", np.arange(rows, dtype=np.int32) % 2)
        order = {"entry": "train:main", "seed": 7, "params": {}, "task": "regression", "target": "y"}
        order |= {"classes": None, "columns": [words], "matrix": ["one", "two"], "rows": rows}
        (path / "order.json").write_text(json.dumps(order))

    def run(self, workers: int = 2, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-B", str(self.path / "millrace_job.py")]
        command += ["--workers", str(workers), str(self.path)]
        kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS") if name in os.environ}
        done = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=60, check=False)
        assert check is None or done.returncode == check, done.stderr
        return done

    def read(self, name: str):
        return json.loads((self.path / name).read_bytes())


class TestTheTool:
    def test_shares_are_the_rows_once_each_and_every_worker_knows_its_place(self, tmp_path):
        body = (
            "mine = {'rank': job.rank, 'of': job.world_size, 'target': job.target().tolist(),\n"
            "        'words': list(job.rows()['word']), 'matrix': job.matrix()[:, 0].tolist(),\n"
            "        'environment': {k: v for k, v in os.environ.items() if 'RANK' in k or 'SIZE' in k}}\n"
            "open(os.path.join(job.folder, f'share-{job.rank}.json'), 'w').write(json.dumps(mine))\n"
        )
        folder = Folder(tmp_path / "job", body)
        folder.run(3)
        shares = [folder.read(f"share-{rank}.json") for rank in range(3)]
        assert [len(share["target"]) for share in shares] == [34, 34, 33]
        assert sorted(row for share in shares for row in share["target"]) == list(range(101))
        for rank, share in enumerate(shares):
            assert share["target"] == sorted(share["target"]), "in their order"
            assert share["matrix"] == [2 * row for row in share["target"]]
            assert share["words"] == ["ab"[int(row) % 2] for row in share["target"]]
            assert (share["rank"], share["of"]) == (rank, 3)
            assert share["environment"] == {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "GROUP_RANK": "0",
                "WORLD_SIZE": "3",
                "LOCAL_WORLD_SIZE": "3",
            }

    def test_they_reach_one_another_and_the_first_one_alone_is_heard(self, tmp_path):
        body = (
            "total = added(job, job.target().sum(keepdims=True))\n"
            "job.report(1, total=total[0], rank=job.rank)\n"
            "open('state', 'w').write(f'of worker {job.rank}')\n"
            "job.checkpoint('state', 1)\n"
            "job.export('state', total[None])\n"
        )
        folder = Folder(tmp_path / "job", body)
        told = folder.run(2).stderr
        lines = (folder.path / "reports.jsonl").read_text().splitlines()
        assert [json.loads(line)["metrics"] for line in lines] == [{"total": sum(range(101)), "rank": 0}]
        assert (folder.path / folder.read("checkpoint.json")["file"]).read_text() == "of worker 0"
        assert (folder.read("exported.json")["answers"], folder.read("exported.json")["every"]) == (
            [[5050.0]],
            2,
        )
        assert told.count("worker 1: report() counts from worker 0 alone; here it does nothing") == 1
        assert "worker 1: export()" not in told, "it is said once"

    def test_what_failed_first_is_told_not_what_followed_from_it(self, tmp_path):
        body = "if job.rank == 1:\n    added(job, np.zeros(1))\n    raise ValueError('a bad row')\n" + (
            "added(job, np.zeros(1))\ntime.sleep(0.3)\nraise ConnectionResetError('Connection closed by peer')"
        )
        folder = Folder(tmp_path / "job", body)
        folder.run(2, check=1)
        failure = CodeFailure.model_validate(folder.read("failed.json"))
        assert (failure.rank, failure.kind, failure.error) == (1, "ValueError", "a bad row")
        assert not (folder.path / "lost.json").exists()

    def test_one_that_is_killed_takes_the_others_along_and_is_told(self, tmp_path):
        body = (
            "open(os.path.join(job.folder, f'pid-{job.rank}'), 'w').write(str(os.getpid()))\n"
            "added(job, np.zeros(1))\n"
            "if job.rank == 2: os.kill(os.getpid(), 9)\n"
            "time.sleep(600)"
        )
        folder = Folder(tmp_path / "job", body)
        folder.run(3, check=137)
        assert CodeLost.model_validate(folder.read("lost.json")) == CodeLost(rank=2, signal=9)
        assert not any(psutil.pid_exists(int((folder.path / f"pid-{rank}").read_text())) for rank in range(3))

    def test_workers_end_with_what_watches_over_them(self, tmp_path):
        body = (
            "open(os.path.join(job.folder, f'pid-{job.rank}'), 'w').write(str(os.getpid()))\ntime.sleep(600)"
        )
        folder = Folder(tmp_path / "job", body)
        command = [sys.executable, str(folder.path / "millrace_job.py"), "--workers", "2", str(folder.path)]
        watching = subprocess.Popen(command, env={"PATH": os.environ["PATH"]})
        paths = [folder.path / "pid-0", folder.path / "pid-1"]
        _until(lambda: all(path.exists() and path.read_text() for path in paths))
        watching.kill()
        watching.wait()
        pids = [int(path.read_text()) for path in paths]
        _until(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def _until(is_so) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class TestLosses:
    """What is done when workers are lost, without any."""

    def made(self, least: int = 2, most: int = 4) -> Losses:
        return Losses(Workers(least=least, most=most))

    def lose(self, losses: Losses, progressed: bool, rank: int = 1) -> str | None:
        losses.begun(losses.workers, None)
        return losses.lost(CodeLost(rank=rank, signal=9), progressed)

    def test_as_many_begin_again_after_a_loss(self):
        losses = self.made()
        assert self.lose(losses, progressed=False) is None
        assert losses.workers == 4

    def test_one_that_is_lost_again_before_a_checkpoint_does_not_come_back(self):
        losses = self.made()
        told = [self.lose(losses, progressed=False) for _ in range(3)]
        assert told == [
            None,
            "worker 1 does not come back; 3 of 4 go on",
            "worker 1 does not come back; 2 of 4 go on",
        ]

    def test_fewer_than_the_least_do_not_go_on(self):
        losses = self.made(least=3)
        for _ in range(IN_VAIN):
            self.lose(losses, progressed=False)
        with pytest.raises(JobError) as caught:
            self.lose(losses, progressed=False)
        assert (losses.workers, losses.count) == (3, IN_VAIN + 1)
        assert "last worker 1 by signal 9" in caught.value.detail

    def test_losses_after_new_checkpoints_do_not_end_it_soon(self):
        losses = self.made(least=4)
        for _ in range(MOST_LOSSES - 1):
            self.lose(losses, progressed=True)
        assert losses.workers == 4
        with pytest.raises(JobError):
            self.lose(losses, progressed=True)

    def test_each_start_in_vain_waits_longer_than_the_one_before(self):
        losses = self.made(least=4)
        pauses = []
        for progressed in (True, False, True):
            self.lose(losses, progressed)
            pauses.append(losses.pause)
        assert pauses == [2.0, 8.0, 2.0]
        assert Losses(None).pause == 0.0

    def test_the_version_tells_how_many_ended_it(self):
        losses = self.made()
        for _ in range(2):
            self.lose(losses, progressed=False)
        losses.begun(losses.workers, 5)
        made = losses.told()
        assert made is not None
        assert made.told() == "3 workers of 4, 2 were lost on the way"
        assert [(start.workers, start.step) for start in made.starts] == [(4, None), (4, None), (3, 5)]


@pytest.mark.slow
class TestTheJob:
    def test_two_workers_learn_what_one_learns_of_the_same_rows(self, together):
        two = together(LEARNS.replace("KILL", "pass"), key="two")
        one = together(LEARNS.replace("KILL", "pass"), {"least": 1, "most": 1}, key="one")
        losses = [made["metrics"]["holdout"]["loss"] for made in (one, two)]
        assert losses[1] == pytest.approx(losses[0], rel=1e-4)
        assert two["code"]["workers"]["starts"] == [
            {"workers": 2, "step": None, "lost": None, "signal": None}
        ]
        assert set(two["code"]["guards"].values()) <= {"enforced", "not enforced"}

    def test_a_killed_worker_goes_on_at_the_last_checkpoint_and_fewer_do_when_it_does_not_come_back(
        self, together
    ):
        killed = "if step == 15 and job.rank == 1: os.kill(os.getpid(), 9)"
        made = together(LEARNS.replace("KILL", killed), {"least": 1, "most": 2})
        first, second, third = made["code"]["workers"]["starts"]
        assert (first["workers"], first["lost"], first["signal"]) == (2, 1, 9)
        assert (second["workers"], second["step"], second["lost"]) == (2, 10, 1)
        assert (third["workers"], third["step"], third["lost"]) == (1, 10, None)
        assert made["code"]["resumed"] == 2
        assert made["parity"]["bad"] == 0


@pytest.mark.slow
def test_the_pages_example_becomes_a_candidate_by_two_workers(together):
    made = together(EXAMPLE, code={"params": {"epochs": 60}})
    assert made["code"]["workers"]["starts"][0]["workers"] == 2
    assert made["metrics"]["holdout"]["r2"] > 0.8
    assert made["parity"]["bad"] == 0


async def test_workers_that_do_not_fit_are_refused_with_what_does(serve):
    asked = {"dataset": "sales", "dataset_version": 1, "task": "regression", "target": "y"}
    asked |= {"executor": "ray", "code": {"digest": f"sha256:{'0' * 64}"}}
    asked["workers"] = {"least": 2, "most": 6}
    async with serve(job_threads=4) as client:
        response = await client.post("/v1/jobs", json={"key": "many", "kind": "train", "spec": asked})
    assert response.status_code == 422
    assert "6 CPUs; jobs may use 4 on this machine: workers: 4 fits" in response.text
