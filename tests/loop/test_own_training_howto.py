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
    for name, code in (("demand", "own-training"), ("demand-workers", "own-training-workers")):
        pattern = rf"^```yaml\n# {name}.yaml\n(.*?)^```"
        text = re.search(pattern, PAGE.read_text(), re.DOTALL | re.MULTILINE).group(1)
        (place / f"{name}.yaml").write_text(text)
        shutil.copytree(PAGE.with_name(code), place / code)
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


def test_two_workers_make_a_champion_together_and_more_than_fit_are_refused(millrace, client, folder):
    page = folder / "demand-workers.yaml"
    page.with_name("many.yaml").write_text(page.read_text().replace("workers: 2 ", "workers: 400 "))
    refused = millrace("apply", "-f", page.with_name("many.yaml"), code=1)
    assert "400 CPUs" in refused
    assert "fits" in refused
    millrace("apply", "-f", page)
    run = client.controller.await_run("demand-workers", 1, timeout=200)
    assert run.state == "promoted", run
    assert "by 2 workers" in run.steps["train"].message
    told = client.registry.version("demand-workers", 1).environment["code"]["workers"]
    assert (told["least"], told["most"], told["starts"][0]["workers"]) == (1, 2, 2)
    assert 35 < client.serving.predict("demand-workers", [{"price": 2.0, "region": "N"}]).predictions[0] < 70
