"""Two workers of torch over gloo learn what one learns of the same rows, and go on after one was killed.

Four gigabytes: `make test-torch` makes the environment (requirements/torch.lock) and names it in MILLRACE_TORCH.
"""

import os
import time
from pathlib import Path

import pytest
from tests.training.automl.test_train import flights
from tests.training.code.test_train import spec

from millrace.code_archive import pack
from millrace_contracts.learning import TrainSpec
from millrace_training.kinds import train

TORCH = os.environ.get("MILLRACE_TORCH")
EXAMPLE = Path(__file__).parents[3] / "docs" / "howto" / "own-training-ddp"
pytestmark = [
    pytest.mark.skipif(not TORCH, reason="make test-torch"),
    pytest.mark.slow,
    pytest.mark.timeout(900),
]


@pytest.fixture
def run(registry, make_context, tmp_path):
    """`run(workers, change of the script)`: the job, the losses that it told by epoch, and its seconds."""

    def job(team, change=lambda script: script, key="job"):
        folder = tmp_path / f"{key}-source"
        folder.mkdir()
        (folder / "train.py").write_text(change((EXAMPLE / "train.py").read_text()))
        registry.add("flights", 1, flights())
        code = {"python": TORCH, "params": {"epochs": 20}}
        asked = spec(registry.put_artifact(pack(folder)), code=code) | {"executor": "ray", "workers": team}
        context = make_context(key)
        context.threads = 2
        begun = time.monotonic()
        made = train(TrainSpec.model_validate(asked), context).model_dump(mode="json")
        return made, time.monotonic() - begun

    return job


def of(number):
    return {"least": number, "most": number}


def test_two_workers_are_as_good_as_one_on_the_same_rows(run, capsys):
    one, alone = run(of(1), key="one")
    two, together = run(of(2), key="two")
    losses = [made["metrics"]["holdout"]["loss"] for made in (one, two)]
    with capsys.disabled():
        load = os.getloadavg()[0]
        print(
            f"\nholdout loss: 1 worker {losses[0]:.4f} in {alone:.1f} s, 2 workers {losses[1]:.4f} in {together:.1f} s"
        )
        print(f"load {load:.1f}, guards {two['code']['guards']}, parity {two['parity']}")
    assert two["code"]["workers"]["starts"][0]["workers"] == 2
    assert two["metrics"]["holdout"]["r2"] > 0.85
    assert losses[1] == pytest.approx(losses[0], rel=0.15)
    assert two["parity"]["bad"] == 0


def test_a_killed_worker_brings_both_back_at_the_last_checkpoint(run):
    last = 'job.checkpoint("state.pt", epoch)  # 4: what to go on from\n'
    kill = (
        last
        + "        if epoch == 7 and first == 0 and job.rank == 1:\n            os.kill(os.getpid(), 9)\n"
    )

    def killed(script):
        assert last in script
        return script.replace(last, kill)

    made, _ = run(of(2), killed)
    first, second = made["code"]["workers"]["starts"]
    assert (first["lost"], first["signal"]) == (1, 9)
    assert (second["workers"], second["step"]) in [(2, 6), (2, 7)], (
        "worker 0 may have kept the eighth epoch or not"
    )
    assert made["metrics"]["holdout"]["r2"] > 0.85
