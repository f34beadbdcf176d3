"""A delivery whose job failed is never lost from sight: it waits in quarantine, and can be tried again."""

import asyncio
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from millrace.transport.errors import ApiError
from millrace_contracts.rows import UNREAD, DeliveryReport
from millrace_registry.main import RegistrySettings
from millrace_registry.main import build as build_registry
from millrace_training.jobs import failed
from millrace_training.jobs.states import State
from millrace_training.tables import Job

CSV = b"x,y\n" + b"".join(b"%d,%d\n" % (n, n % 7) for n in range(200))
DIGEST = "sha256:" + "0" * 64
FILE = {"kind": "artifact", "digest": DIGEST, "name": "may.csv", "format": "csv"}


def ingest(key, source, **limits):
    return {"key": key, "kind": "ingest", "spec": {"dataset": "sales", "source": source}, "limits": limits}


async def ended(http, new):
    made = await http.post("/v1/jobs", json=new)
    assert made.status_code == 201, made.text
    path = f"/v1/jobs/{made.json()['id']}"
    while (job := (await http.get(path)).json())["state"] in ("queued", "running"):
        await asyncio.sleep(0.1)
    return job


async def waiting(client):
    for _ in range(300):
        try:
            if refused := client.registry.quarantined("sales", state="waiting"):
                return refused
        except Exception:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError("nothing came to quarantine")


@pytest.mark.slow
async def test_a_file_whose_job_ran_out_of_memory_waits_in_quarantine_and_is_taken_from_there(
    serve, urls, client
):
    digest = client.registry.put_artifact(CSV, "text/csv")
    async with serve(**urls) as http:
        job = await ended(http, ingest("one", FILE | {"digest": digest}, memory_mb=64))
        assert (job["state"], job["error"]["title"]) == ("failed", "Out of memory")
        (entry,) = await waiting(client)
        assert (entry.artifact, entry.source["kind"], entry.source["name"]) == (digest, "file", "may.csv")
        (check,) = DeliveryReport.model_validate(entry.report).failed
        assert (check.check, "it may use 64 MiB" in check.observed) == (UNREAD, True)
        again = await ended(http, ingest("two", {"kind": "quarantined", "entry": entry.id}))
        told = again["result"]
        assert (again["state"], told["accepted"]) == ("succeeded", True), told and told["reason"]
        assert client.registry.dataset_version("sales").source.name == "may.csv"


@pytest.mark.slow
async def test_a_registry_that_is_away_when_the_job_fails_gets_the_file_when_it_is_back(
    serve, urls, client, home, background, registry
):
    digest = client.registry.put_artifact(CSV, "text/csv")
    port = int(registry.rpartition(":")[2])
    async with serve(**urls | {"registry_url": f"http://127.0.0.1:{port + 1}"}) as http:
        job = await ended(http, ingest("one", FILE | {"digest": digest}, memory_mb=64))
        assert job["state"] == "failed"
        assert client.registry.datasets() == []
        _, stop = background(build_registry(RegistrySettings(home=home)), port + 1)
        (entry,) = await waiting(client)
        assert entry.artifact == digest
        stop()


async def test_one_that_the_registry_does_not_take_now_holds_no_other_back(monkeypatch):
    """It is tried again with the next pass, and the pass counts as failed, so that the next one comes later."""
    due, kept = [Job(id=name) for name in ("stuck", "two", "three")], []

    async def quarantine(services, job):
        if job.id == "stuck":
            raise ApiError(500, {"title": "Bug", "detail": "It broke."}, "")

    async def quarantined(session, job):
        kept.append(job.id)

    async def listed(session):
        return due

    monkeypatch.setattr(failed, "_quarantine", quarantine)
    monkeypatch.setattr(failed.queries, "quarantine_due", listed)
    monkeypatch.setattr(failed.queries, "quarantined", quarantined)
    services = SimpleNamespace(
        readers=lambda: nullcontext(), sessions=SimpleNamespace(begin=lambda: nullcontext())
    )
    with pytest.raises(ApiError):
        await failed.one_pass(services)
    assert kept == ["two", "three"]


@pytest.mark.parametrize(
    ("state", "changed", "source", "due"),
    [
        (State.FAILED, {}, FILE, True),
        (State.FAILED, {}, FILE | {"origin": "rows"}, True),
        (State.SUCCEEDED, {}, FILE, False),
        (State.CANCELLED, {}, FILE, False),
        (State.FAILED, {"loop_run": 3}, FILE, False),
        (State.FAILED, {"kind": "validate"}, FILE, False),
        (State.FAILED, {}, FILE | {"delivery": "shops 1-9"}, False),
        (State.FAILED, {}, {"kind": "feedback", "endpoint": "shops"}, False),
        (State.FAILED, {}, {"kind": "quarantined", "entry": 4}, False),
    ],
)
def test_what_nobody_would_look_after_is_kept_and_nothing_else(state, changed, source, due):
    told = {"kind": "ingest", "loop_run": None, "spec": {"dataset": "sales", "source": source}} | changed
    assert failed.is_due(Job(**told), state) is due
