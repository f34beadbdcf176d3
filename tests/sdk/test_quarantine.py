"""The commands for refused data: it is listed, shown, downloaded, taken after all or dropped."""

import json

import pytest

from millrace.cli import failures
from millrace.client import JobFailed
from millrace_contracts.deliveries import QuarantinedSource
from millrace_contracts.jobs import JobRead
from millrace_contracts.rows import IngestSpec

from . import examples

DATA = b"price,shop\n900,A\n"
DOCUMENT = {
    "apiVersion": "millrace.dev/v1alpha1",
    "kind": "ModelLoop",
    "metadata": {"name": "shop"},
    "spec": {"task": "regression", "target": "revenue", "data": {"dataset": "shop"}},
}
LOOP = examples.loop(document=DOCUMENT)
ENTRY = examples.refused()
FULL = {"title": "The job failed", "status": 500, "detail": "The disk was full."}


def taken(**more):
    return {"accepted": True, "dataset_version": 4, "new_rows": 9, "reason": "taken", "changes": []} | more


@pytest.fixture
def waiting(fake):
    """One refused delivery of the loop `shop`, number 3."""
    fake.answers |= {
        "GET /v1/loops": (200, [LOOP]),
        "GET /v1/loops/shop": (200, LOOP),
        "POST /v1/loops/shop:wake": (200, {}),
        "GET /v1/datasets": (
            200,
            [{"name": "shop", "description": "", "latest": 3, "created_at": examples.NOW}],
        ),
        "GET /v1/datasets/shop/quarantine": (200, [ENTRY]),
        "GET /v1/quarantine/3": (200, ENTRY),
        f"GET /v1/artifacts/{examples.DIGEST}": (200, DATA),
        "POST /v1/quarantine/3:settle": (200, {}),
    }
    return fake


def judged(fake, **result):
    """What the job that holds the delivery to the contract again comes to."""
    job = examples.job(kind="ingest", result=taken(**result))
    fake.answers |= {"POST /v1/jobs": (200, job), f"GET /v1/jobs/{job['id']}": (200, job)}
    return fake


def sent(fake, what):
    return [json.loads(body) for called, _, body in fake.seen if called == what]


def test_what_waits_is_listed_with_the_reason(waiting, millrace):
    told = millrace("data", "quarantine", "list", "shop").stdout
    assert "may.csv.gz" in told
    assert "3 rows are outside" in told
    assert json.loads(millrace("data", "quarantine", "list", "-o", "json").stdout)[0]["id"] == 3


def test_a_refused_delivery_is_shown_with_examples_and_both_ways_out(waiting, millrace):
    told = millrace("data", "quarantine", "show", 3).stdout
    for words in (
        "may.csv.gz to shop",
        "waiting",
        "row 2: 900",
        "Correct the cells",
        "accept 3 --widen",
        "drop 3",
    ):
        assert words in told, words
    assert json.loads(millrace("data", "quarantine", "show", 3, "-o", "json").stdout) == ENTRY


def test_one_that_is_settled_says_by_whom_and_offers_nothing(waiting, millrace):
    settled = examples.refused(state="dropped", settled_by="ada")
    waiting.answers["GET /v1/quarantine/3"] = (200, settled)
    told = millrace("data", "quarantine", "show", 3).stdout
    assert "dropped by ada" in told
    assert "--widen" not in told


def test_its_bytes_come_back_under_a_name_that_can_be_pushed_again(waiting, millrace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "quarantine-3-may.csv.gz: 17 bytes" in millrace("data", "quarantine", "download", 3).stdout
    assert (tmp_path / "quarantine-3-may.csv.gz").read_bytes() == DATA
    again = millrace("data", "quarantine", "download", 3)
    assert (again.code, "exists already" in again.stderr) == (1, True)
    millrace("data", "quarantine", "download", 3, "--out", tmp_path / "mine.csv")
    assert (tmp_path / "mine.csv").read_bytes() == DATA


def test_a_name_with_folders_stays_in_this_one(waiting, millrace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    waiting.answers["GET /v1/quarantine/3"] = (200, examples.refused(source={"name": "../../etc/rows.csv"}))
    millrace("data", "quarantine", "download", 3)
    assert [path.name for path in tmp_path.iterdir()] == ["quarantine-3-rows.csv"]


def test_taken_after_all_it_says_how_the_contract_changes_and_why(waiting, millrace):
    judged(waiting, changes=["price: maximum 9 -> 900"])
    done = millrace("data", "accept", 3, "--widen", "--reason", "a new price list")
    assert done.code == 0
    assert "9 rows accepted, data version 4" in done.stdout
    assert "price: maximum 9 -> 900" in done.stdout
    (job,) = sent(waiting, "POST /v1/jobs")
    asked = IngestSpec.model_validate(job["spec"])
    assert asked.source == QuarantinedSource(entry=3)
    assert asked.widen is True
    (verdict,) = sent(waiting, "POST /v1/quarantine/3:settle")
    assert verdict["reason"] == "a new price list"
    assert verdict["changes"] == ["price: maximum 9 -> 900"]


def test_refused_again_it_stays_where_it_is_and_names_the_remedy(waiting, millrace):
    judged(waiting, accepted=False, report=ENTRY["report"], reason="refused", quarantine=3)
    done = millrace("data", "accept", 3)
    assert done.code == 1
    assert "still refused" in done.stderr
    assert "data accept 3 --widen" in done.stderr
    assert sent(waiting, "POST /v1/quarantine/3:settle") == []
    assert sent(waiting, "POST /v1/jobs")[0]["spec"].get("widen") in (None, False)


def test_dropped_it_no_longer_waits(waiting, millrace):
    waiting.answers["POST /v1/quarantine/3:settle"] = (
        200,
        lambda body: (
            waiting.answers.update({"GET /v1/quarantine/3": (200, examples.refused(state="dropped"))}) or {}
        ),
    )
    told = millrace("data", "drop", 3, "--reason", "a test file").stdout
    assert told == "Entry 3 of shop is dropped.\n"
    assert sent(waiting, "POST /v1/quarantine/3:settle")[0] == {
        "state": "dropped",
        "reason": "a test file",
    }


def test_without_a_loop_it_cannot_be_held_to_a_contract(waiting, millrace):
    waiting.answers["GET /v1/loops"] = (200, [])
    done = millrace("data", "accept", 3)
    assert done.code == 1
    assert "No loop learns from shop" in done.stderr


def test_an_attempt_that_failed_is_no_answer_for_the_next(waiting, millrace):
    failed = examples.job(kind="ingest", state="failed", error=FULL)
    done = examples.job(kind="ingest", id="b" * 32, result=taken())
    answers = iter([failed, done])
    waiting.answers |= {
        "POST /v1/jobs": (200, lambda body: next(answers)),
        f"GET /v1/jobs/{done['id']}": (200, done),
    }
    assert millrace("data", "accept", 3, "--widen").code == 0
    keys = [job["key"] for job in sent(waiting, "POST /v1/jobs")]
    assert keys[1] == f"{keys[0]}/2"


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        ({}, True),
        ({"kind": "train"}, False),
        ({"state": "cancelled"}, False),
        ({"loop_run": 4}, False),
        ({"spec": {"dataset": "sales", "source": {"kind": "quarantined", "entry": 3}}}, False),
    ],
)
def test_a_delivery_whose_job_failed_is_told_where_its_file_is(changed, kept):
    error = {"title": "Out of memory", "status": 422, "detail": "It used 300 MiB."}
    spec = {"dataset": "sales", "source": {"kind": "artifact", "name": "may.csv"}}
    job = JobRead.model_validate(
        examples.job(
            **{"kind": "ingest", "state": "failed", "loop_run": None, "error": error, "spec": spec} | changed
        )
    )
    told = failures.words(JobFailed(job))
    assert "Out of memory" in told[0]
    assert any("'millrace data quarantine list sales'" in line for line in told) is kept
