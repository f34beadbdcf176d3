"""What jobs tell as OpenLineage events: pushes, pulls, training, scoring; what is read and what is written."""

import asyncio

import pytest
from tests.contract.openlineage.receiver import Receiver

from millrace_contracts.jobs import Problem
from millrace_core.database import utcnow
from millrace_training.jobs import lineage
from millrace_training.jobs.ending import Ending
from millrace_training.jobs.states import TERMINAL, State
from millrace_training.tables import Job

ROWS = "at,x,y\n" + "".join(
    f"2026-01-{day:02}T{hour:02}:00:00Z,{day}.5,{day * 2 + hour}\n"
    for day in range(1, 31)
    for hour in range(24)
)
SOURCE = {"sql": {"uri": "postgresql://reader@db.example/shop", "table": "sales"}}
FILE = {"kind": "artifact", "digest": "sha256:" + "0" * 64, "name": "a.csv", "format": "csv"}
INGESTED = {"accepted": True, "dataset_version": 4, "rows": 9, "new_rows": 2, "reason": "taken"}


def job(kind, spec, **more):
    return Job(
        id="f" * 32, project="default", kind=kind, spec=spec, state="running", created_at=utcnow(),
        **{"loop": "sales", "loop_run": None} | more,
    )  # fmt: skip


def named(places):
    return [(item.namespace, item.name, item.version, item.rows) for item in places]


def only(events):
    (event,) = events
    return event


def test_a_push_reads_its_delivery_and_writes_a_dataset_version():
    pushed = job("ingest", {"dataset": "sales", "source": FILE})
    assert only(lineage.started(pushed)).job == "sales.push"
    done = only(lineage.ended(pushed, Ending(State.SUCCEEDED, result=INGESTED)))
    assert (done.move, done.parent) == ("COMPLETE", None)
    assert named(done.inputs) == [("", "deliveries/sales/a.csv", None, None)]
    assert named(done.outputs) == [("", "sales", "4", 2)]


def test_rows_that_were_refused_are_a_failure_with_its_reason():
    pushed = job("ingest", {"dataset": "sales", "source": FILE})
    result = {"accepted": False, "reason": "column y is gone", "quarantine": 1}
    told = only(lineage.ended(pushed, Ending(State.SUCCEEDED, result=result)))
    assert (told.move, told.error) == ("FAIL", "The rows were refused: column y is gone")


def test_feedback_of_a_run_is_read_from_its_endpoint_and_is_part_of_the_run():
    spec = {"dataset": "sales", "source": {"kind": "feedback", "endpoint": "sales"}}
    told = only(lineage.started(job("ingest", spec, loop_run=3)))
    assert (told.job, told.parent.job) == ("sales.ingest", "sales")
    assert named(told.inputs) == [("", "endpoints/sales", None, None)]


def test_a_pull_names_the_table_that_it_reads():
    pulled = job("pull", {"dataset": "sales", "loop": "sales", "source": SOURCE})
    error = Problem(title="Cannot read", status=422, detail="The password is wrong.")
    told = only(lineage.ended(pulled, Ending(State.FAILED, error=error)))
    assert (told.job, told.move, told.error) == ("sales.pull", "FAIL", "The password is wrong.")
    assert named(told.inputs) == [("postgres://db.example:5432", "shop.public.sales", None, None)]


def test_a_cancelled_job_is_aborted_and_a_look_at_a_sample_is_no_run():
    pulled = job("pull", {"dataset": "sales", "loop": "sales", "source": SOURCE})
    assert only(lineage.ended(pulled, Ending(State.CANCELLED))).move == "ABORT"
    assert lineage.started(job("look", {"source": SOURCE})) == []


def test_scoring_reads_rows_and_a_version_and_writes_to_its_sink():
    sink = {"bucket": {"url": "s3://lake/scores"}}
    spec = {"model": "sales", "version": 2, "files": [FILE], "sink": sink}
    told = only(lineage.started(job("score", spec)))
    assert named(told.inputs) == [
        ("", "rows-to-score/sales", None, None),
        ("", "models/sales", "2", None),
    ]
    assert named(told.outputs) == [("s3://lake", "scores", None, None)]
    gathered = only(lineage.started(job("gather", {"loop": "sales", "source": SOURCE})))
    assert named(gathered.outputs) == [("", "rows-to-score/sales", None, None)]


@pytest.mark.slow
async def test_a_push_through_the_service_is_told_to_a_real_receiver(serve, client, registry):
    receiver = Receiver()
    digest = client.registry.put_artifact(ROWS.encode(), "text/csv")
    spec = {"dataset": "sales", "source": FILE | {"digest": digest}, "target": "y", "event_time": "at"}
    body = {"key": "push-1", "kind": "ingest", "spec": spec, "loop": "sales"}
    async with serve(registry_url=registry, openlineage_url=receiver.url) as service:
        made = (await service.post("/v1/jobs", json=body)).json()
        while (found := (await service.get(f"/v1/jobs/{made['id']}", params={"wait": 30})).json())[
            "state"
        ] not in TERMINAL:
            pass
        assert found["state"] == "succeeded", found
        while len(receiver.events) < 2:
            assert receiver.wrong == []
            await asyncio.sleep(0.1)
    receiver.close()
    assert receiver.events[1]["run"]["facets"] == {}
    assert receiver.told() == [("sales.push", "START"), ("sales.push", "COMPLETE")]
    (written,) = receiver.events[1]["outputs"]
    assert written["facets"]["version"]["datasetVersion"] == "1"
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 720
