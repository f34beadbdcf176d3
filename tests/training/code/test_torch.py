"""A training loop of torch in an environment of its own becomes a candidate, and goes on after it was killed.

Four gigabytes: `make test-torch` makes the environment (requirements/torch.lock) and names it in MILLRACE_TORCH.
"""

import os
from pathlib import Path

import pytest
from tests.training.automl.test_train import flights
from tests.training.code.test_train import spec

from millrace.code_archive import pack
from millrace_contracts.learning import TrainSpec
from millrace_training.kinds import train

TORCH = os.environ.get("MILLRACE_TORCH")
EXAMPLE = Path(__file__).parents[3] / "docs" / "howto" / "own-training-torch"
pytestmark = [
    pytest.mark.skipif(not TORCH, reason="make test-torch"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
]


@pytest.fixture
def run(registry, make_context, tmp_path):
    def job(script, context=None, key="job"):
        folder = tmp_path / f"{key}-source"
        folder.mkdir()
        (folder / "train.py").write_text(script)
        registry.add("flights", 1, flights())
        code = {"python": TORCH, "params": {"epochs": 20}}
        asked = spec(registry.put_artifact(pack(folder)), code=code)
        return train(TrainSpec.model_validate(asked), context or make_context(key)).model_dump(mode="json")

    return job


def test_the_example_becomes_a_candidate(run, capsys):
    made = run((EXAMPLE / "train.py").read_text())
    packages = made["code"]["environment"]["packages"]
    with capsys.disabled():
        print(f"\ntorch {packages['torch']}: r2 {made['metrics']['holdout']['r2']:.3f}, {made['parity']}")
    assert "scikit-learn" not in packages, "it ran in an environment of its own"
    assert made["metrics"]["holdout"]["r2"] > 0.85
    assert made["parity"]["bad"] == 0


def test_killed_in_the_middle_it_goes_on_at_its_last_checkpoint(run, make_context):
    told = []
    context = make_context("job")
    context.emit = told.append
    kill = '        if epoch == 7 and first == 0: __import__("os").kill(__import__("os").getpid(), 9)\n'
    script = (EXAMPLE / "train.py").read_text()
    last = "        job.checkpoint("
    at = script.index("\n", script.index(last)) + 1
    made = run(script[:at] + kill + script[at:], context)
    assert made["code"]["resumed"] == 1
    assert made["metrics"]["holdout"]["r2"] > 0.85
