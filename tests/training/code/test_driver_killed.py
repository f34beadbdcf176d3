"""The job's own process is killed while the code trains: another attempt goes on at the code's last checkpoint."""

import random
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from millrace import releasing
from millrace.client import Millrace
from millrace.code_archive import pack
from millrace_contracts.learning import TrainResult

EXAMPLE = Path(__file__).parents[3] / "docs" / "howto" / "own-training"
WAITS = """        if epoch == 1 and first == 0:
            __import__("signal").pause()  # until it is killed
"""


@pytest.fixture
def client(home, background):
    """A client of a real registry."""
    from millrace_registry.main import RegistrySettings, build

    url, stop = background(build(RegistrySettings(home=home)))
    yield Millrace({"registry": url}, "token-of-training")
    stop()


def rows():
    draw = random.Random(3)
    lines = ["price,region,sold"]
    for _ in range(600):
        price, region = draw.uniform(1, 9), draw.choice("NSW")
        lines.append(f"{price:.2f},{region},{50 - 4 * price + 5 * (region == 'N') + draw.gauss(0, 1):.2f}")
    return "\n".join(lines).encode()


def waiting(folder):
    """The example, which waits after its second epoch, unless it goes on from a checkpoint."""
    text = (EXAMPLE / "train.py").read_text()
    at = text.index("\n", text.index("        job.checkpoint(")) + 1
    folder.mkdir()
    (folder / "train.py").write_text(text[:at] + WAITS + text[at:])
    return folder


def processes(id):
    """Those of the job: its own, and the code's."""
    found = {"driver": [], "code": []}
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        if id in words:
            found["driver" if "process.child" in words else "code"].append(process)
    return found


@pytest.mark.slow
async def test_a_killed_driver_takes_the_code_along_and_the_next_attempt_goes_on(serve, client, tmp_path):
    data = client.registry.put_artifact(rows())
    digest = client.registry.put_artifact(pack(waiting(tmp_path / "code"), "train:main"))
    asked = {"dataset": "demand", "dataset_version": 1, "task": "regression", "target": "sold"}

    async with serve(registry_url=client.urls["registry"], job_threads=1) as http:

        async def submit(kind, **spec):
            made = await http.post("/v1/jobs", json={"key": kind, "kind": kind, "spec": spec})
            assert made.status_code == 201, made.text
            return made.json()["id"]

        async def until(id, done):
            while not done(job := (await http.get(f"/v1/jobs/{id}", params={"wait": 1})).json()):
                pass
            return job

        source = {"kind": "artifact", "digest": data, "name": "demand.csv", "format": "csv"}
        await until(await submit("ingest", dataset="demand", source=source, target="sold"), ended)
        id = await submit("train", **asked, code={"digest": digest, "params": {"epochs": 8}})
        await until(id, lambda job: "step 1" in (job["progress"] or {}).get("message", "") or ended(job))
        before = processes(id)
        before["driver"][0].kill()
        job = await until(id, ended)
    assert (job["state"], job["attempts"]) == ("succeeded", 2), job["error"]
    assert job["result"]["metrics"]["holdout"]["r2"] > 0.5
    assert not [process for process in before["code"] if process.is_running()]
    registered(client, asked, TrainResult.model_validate(job["result"]), digest)


def registered(client, asked, trained, digest):
    """The registry takes the release as a run's step makes it, looks into its graph, and tells of its code."""
    plan = SimpleNamespace(dataset="demand", train=asked, loop="demand", run=1, model="demand", document="")
    unit = releasing.unit(plan, 1, trained)
    admin = Millrace(client.urls, "token-of-user")
    admin.registry.put_model("demand")
    version = admin.registry.add_version("demand", unit)
    assert version.lineage.code == version.files.find("code") == digest
    assert version.environment["code"]["params"] == {"epochs": 8}
    assert "code sha256:" in trained.code.told()


def ended(job):
    return job["state"] not in ("queued", "running")
