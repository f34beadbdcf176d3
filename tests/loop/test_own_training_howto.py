"""docs/howto/own-training.md: its loop trains by the code beside it, and other code is another run."""

import csv
import random
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "own-training.md"
pytestmark = [pytest.mark.slow, pytest.mark.loop, pytest.mark.timeout(500)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files of the page, and rows of a shop: what it sells depends on the price, the weekday and the region."""
    place = tmp_path_factory.mktemp("own")
    text = re.search(r"^```yaml\n# demand.yaml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE).group(
        1
    )
    (place / "demand.yaml").write_text(text)
    shutil.copytree(PAGE.with_suffix(""), place / "own-training")
    draw, start = random.Random(3), datetime(2026, 1, 1, tzinfo=UTC)
    with (place / "rows.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["at", "price", "region", "sold"])
        for number in range(90 * 30):
            at, price, region = start + timedelta(minutes=48 * number), draw.uniform(1, 9), draw.choice("NSW")
            sold = 50 - 4 * price + 8 * (at.weekday() > 4) + {"N": 5, "S": 0, "W": -5}[region]
            rows.writerow([at.isoformat(), round(price, 2), region, round(sold + draw.gauss(0, 2), 2)])
    return place


def test_the_pages_loop_has_a_champion_that_tells_its_code(millrace, client, folder):
    digest = re.search(r"sha256:\w{64}", millrace("code", "push", folder / "own-training")).group(0)
    millrace("apply", "-f", folder / "demand.yaml")
    run = client.controller.await_run("demand", 1, timeout=200)
    assert run.state == "promoted", run
    version = client.registry.version("demand", 1)
    assert version.lineage.code == version.files.find("code") == digest
    assert version.environment["code"]["entry"] == "train:main"
    assert digest[:19] in run.steps["train"].message
    answer = client.serving.predict("demand", [{"price": 2.0, "region": "N"}])
    assert 35 < answer.predictions[0] < 65
    millrace("apply", "-f", folder / "demand.yaml")
    assert client.controller.loop("demand").generation == 1, "the same code is the same specification"


def test_other_code_opens_a_run(millrace, client, folder):
    script = folder / "own-training" / "train.py"
    script.write_text(script.read_text() + "# another line\n")
    millrace("apply", "-f", folder / "demand.yaml")
    run = client.controller.await_run("demand", 2, timeout=200)
    assert run.cause.kind == "spec"
    job = client.training.job(run.steps["train"].job)
    assert job.result["code"]["digest"] != client.registry.version("demand", 1).lineage.code
