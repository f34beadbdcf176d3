"""docs/howto/distil.md says what is so: its loop is taken, its sizes, bounds and refusals are those of the code."""

import re
from pathlib import Path

import yaml

from millrace import releasing
from millrace_contracts import traffic
from millrace_contracts.compressing import CompressPlan
from millrace_contracts.learning import TrainResult
from millrace_contracts.loop import ModelLoop
from millrace_contracts.training import CODE_DISTILLED
from millrace_contracts.variants import SPEED_UP
from millrace_training.compress import distilled, lessons

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "distil.md").read_text()


def test_its_loop_is_taken():
    (shown,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    document = {"apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": {"name": "sales"}}
    spec = {"task": "regression", "target": "y", "data": {"dataset": "sales"}} | yaml.safe_load(shown)
    loop = ModelLoop.model_validate(document | {"spec": spec})
    assert loop.spec.training.distil is True
    assert (
        ModelLoop.model_validate(document | {"spec": spec | {"training": {}}}).spec.training.distil is False
    )


def test_its_sizes_are_those_that_are_tried_in_their_order():
    trees = [
        (size.params["rounds"], size.params["leaves"])
        for size in distilled.SIZES
        if size.family == "lightgbm"
    ]
    (first,) = re.findall(r"(\d+) trees of (\d+) leaves", PAGE)
    more = re.findall(r"(\d+) of (\d+)", PAGE.split("trees of 16 leaves")[1].split("(LightGBM)")[0])
    assert [tuple(map(int, pair)) for pair in [first, *more]] == trees
    widths = [size.params["width"] for size in distilled.SIZES if size.family == "mlp"]
    assert re.findall(r"two layers of (\d+) and of (\d+)", PAGE) == [tuple(map(str, widths))]
    assert "Up to five sizes" in PAGE
    assert len(distilled.SIZES) == 5


def test_its_numbers_are_those_of_the_code():
    assert f"up to {lessons.MOST_ROWS:,} rows" in PAGE
    assert lessons.EXCHANGED == 0.1
    assert f"more than {SPEED_UP} times as fast" in PAGE
    assert f"fewer than {traffic.LEAST_REQUESTS} requests" in PAGE
    assert CompressPlan().batches == [1, 8]


def test_what_it_says_is_said():
    alone = TrainResult.model_construct(configuration={"id": "a", "family": "lightgbm"}, layers=0)
    (told, *_) = re.findall(r"`(the candidate is one lightgbm[^`]*)`", PAGE)
    assert told in releasing.pointless(CompressPlan(distil=True), alone)
    assert CODE_DISTILLED.startswith("distil is for the ensembles of a search")
    assert "teaching it was no gain" in Path(distilled.__file__).read_text()
