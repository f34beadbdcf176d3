"""A job whose workers train together on the flights."""

from pathlib import Path

import pytest
from tests.training.automl.test_train import flights
from tests.training.code.test_train import SKETCH, spec
from tests.training.code.workers import ADDED, TWO

from millrace.code_archive import pack
from millrace_contracts.learning import TrainSpec
from millrace_training.kinds import train


@pytest.fixture
def together(registry, make_context, tmp_path):
    """`together(body, team)`: the job on the flights; the body has `added` and what writes a graph.

    Instead of a body it takes a folder with code.
    """

    def written(body, folder):
        folder.mkdir(exist_ok=True)
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        (folder / "train.py").write_text(
            SKETCH.replace("def main(job):\n", f"{ADDED}\ndef main(job):\n{lines}")
        )
        return folder

    def job(source, team=TWO, context=None, key="job", **change):
        folder = source if isinstance(source, Path) else written(source, tmp_path / f"{key}-source")
        registry.add("flights", 1, flights())
        asked = spec(registry.put_artifact(pack(folder)), **change) | {"executor": "ray", "workers": team}
        context = context or make_context(key)
        return train(TrainSpec.model_validate(asked), context).model_dump(mode="json")

    return job
