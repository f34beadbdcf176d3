"""docs/howto/own-training.md: its loop trains by the code beside it, and goes on when what runs it is killed."""

import csv
import random
import re
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "own-training.md"
WAITS = """        if epoch == 1 and first == 0:
            print("waits", flush=True)
            __import__("signal").pause()  # until it is killed
"""
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
    assert "Nothing has changed" in millrace("apply", "-f", folder / "demand.yaml").replace("\n", " ")


def test_other_code_opens_a_run_which_goes_on_when_its_driver_is_killed(millrace, client, folder):
    script = folder / "own-training" / "train.py"
    text = script.read_text()
    at = text.index("\n", text.index("        job.checkpoint(")) + 1
    script.write_text(text[:at] + WAITS + text[at:])
    millrace("apply", "-f", folder / "demand.yaml")
    job = _training(client)
    _driver(job.id).kill()
    ended = client.training.wait(job.id)
    assert (ended.attempts, ended.state) == (2, "succeeded")
    assert ended.result["code"]["digest"] != client.registry.version("demand", 1).lineage.code


def _training(client, patience=120):
    """The training job of run 2, once its code waits to be killed."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        mine = client.training.jobs(loop="demand").items
        jobs = [job for job in mine if job.kind == "train" and job.loop_run == 2]
        if jobs and jobs[0].progress and "step 1" in jobs[0].progress.message:
            return jobs[0]
        time.sleep(0.2)
    raise AssertionError("the code of run 2 did not come to its second epoch")


def _driver(id):
    """The job's own process, which the service started."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "millrace_training.process.child" in words and any(id in word for word in words):
            return process
    raise AssertionError(f"job {id} has no process")
