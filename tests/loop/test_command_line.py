"""A newcomer's session on the real platform: init, apply, watch, predict, labels, explain, rollback, delete."""

import json
import re
import shlex
import time
from pathlib import Path

import pytest
import yaml
from tests.loop.conftest import document

from millrace_contracts.loop import ModelLoop

pytestmark = [pytest.mark.loop, pytest.mark.timeout(400)]
LOOP = "newcomer"
PAGE = Path(__file__).parents[2] / "docs" / "howto" / "predictions.md"


@pytest.fixture(scope="module")
def session(millrace, table, tmp_path_factory):
    """The loop as the command line declares it, after its first run; its folder."""
    folder = tmp_path_factory.mktemp("newcomer")
    table.to_csv(folder / "cells.csv", index=False)
    millrace("init", LOOP, "--data", folder / "cells.csv", "--target", "target", "--into", folder)
    drafted = (folder / f"{LOOP}.yaml").read_text()
    quick = drafted.replace("trials: 12", "trials: 2").replace(
        "    folds: 5", "    executor: inline\n    folds: 3"
    )
    (folder / f"{LOOP}.yaml").write_text(quick)
    said = millrace("apply", "-f", folder / f"{LOOP}.yaml")
    assert "569 rows accepted" in said
    assert "Run 1 is opened" in said
    told = millrace("watch", LOOP)
    for words in ("train: succeeded", "passed", "run 1 ends promoted", "version 1 is in production"):
        assert words in told
    return folder


def test_rows_are_predicted_logged_and_labelled(millrace, table, session):
    table.head(4).to_json(session / "rows.jsonl", orient="records", lines=True)
    answers = millrace("predict", LOOP, "--rows", session / "rows.jsonl", "-o", "json")
    assert [round(item["prediction"]) for item in answers] == list(table["target"].head(4))
    labels = session / "labels.csv"
    lines = [f"{item['request_id']},{item['index']},{table['target'][item['index']]}" for item in answers]
    labels.write_text("\n".join(["request_id,index,value", *lines]))
    deadline = time.monotonic() + 60
    while millrace("labels", "push", LOOP, labels, "-o", "json")["labelled"] < 4:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    assert "4 repeated" in millrace("labels", "push", LOOP, labels)


def test_a_file_is_scored_as_the_endpoint_answers(millrace, table, session):
    table.head(60).assign(patient=range(60)).to_parquet(session / "sixty.parquet")
    told = millrace("score", LOOP, "--data", session / "sixty.parquet", "--out", session / "scored.jsonl")
    assert "60 of 60 rows answered by version 1" in told
    scored = [json.loads(line) for line in (session / "scored.jsonl").read_text().splitlines()]
    answers = millrace("predict", LOOP, "--rows", session / "sixty.parquet", "-o", "json")
    for row, answer in zip(scored, answers, strict=True):
        assert (row["prediction"], row["class"]) == (answer["prediction"], answer["class"])
        assert row["probability_0"] == answer["probabilities"]["0"]
    assert [row["patient"] for row in scored] == list(range(60))
    again = millrace("score", LOOP, "--data", session / "sixty.parquet", "--out", session / "again.jsonl")
    assert again.splitlines()[1:] == told.splitlines()[1:]
    assert (session / "again.jsonl").read_bytes() == (session / "scored.jsonl").read_bytes()


def test_a_file_that_is_scored_and_logged_can_be_labelled(millrace, table, session):
    table.tail(7).to_parquet(session / "seven.parquet")
    millrace("score", LOOP, "--data", session / "seven.parquet", "--out", session / "logged.jsonl", "--log")
    rows = [json.loads(line) for line in (session / "logged.jsonl").read_text().splitlines()]
    lines = [f"{row['request_id']},{row['index']},{row['target']}" for row in rows]
    (session / "seven.csv").write_text("\n".join(["request_id,index,value", *lines]))
    deadline = time.monotonic() + 60
    before = millrace("labels", "push", LOOP, session / "seven.csv", "-o", "json")
    while before["unmatched"]:
        assert time.monotonic() < deadline
        time.sleep(0.3)
        before = millrace("labels", "push", LOOP, session / "seven.csv", "-o", "json")
    assert before["matched"] == 7


def test_what_the_page_on_predictions_says_is_so(millrace, platform, table, session, monkeypatch, capsys):
    monkeypatch.chdir(session)
    monkeypatch.setenv("MILLRACE_HOME", str(platform.home))
    (session / "months").mkdir()
    rows = table.head(30).assign(customer=range(30))
    for name in ("june.parquet", "months/april.parquet", "months/may.parquet"):
        rows.to_parquet(session / name)
    declare(millrace, session)
    blocks = re.findall(r"^```(console|python)\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    for kind, block in blocks:
        text = re.sub(r"\bshop\b", LOOP, block)
        if kind == "python":
            exec(compile(text, str(PAGE), "exec"), {})
            continue
        for line in text.splitlines():
            millrace(*shlex.split(line)[1:])
    assert "30 of 30 rows" in capsys.readouterr().out
    assert (session / "scored.csv").read_text().count("\n") == 31
    assert {path.name for path in (session / "scored").iterdir()} == {"april.parquet", "may.parquet"}
    first = millrace("scores", "list", LOOP, "-o", "json")[-1]
    assert (first["state"], first["cause"], first["rows"], first["rejects"]) == (
        "succeeded",
        "schedule",
        30,
        0,
    )
    assert (session / "declared.csv").read_text().count("\n") == 31
    told = millrace("explain", decided(millrace, LOOP, "predictions.written")["id"][:12])
    assert "30 rows from" in told
    assert len(millrace("runs", "list", LOOP, "-o", "json")) == 1


def declare(millrace, session):
    """Declare what the page declares, of a file of this machine, and wait until it was scored."""
    declared = next(re.finditer(r"^```yaml\n(spec:.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE))[1]
    batch = yaml.safe_load(declared)["spec"]["predict"]["batch"]
    ModelLoop.model_validate(document("shop", data={"dataset": "shop"}, predict={"batch": batch}))
    batch |= {"source": {"path": "june.parquet"}, "sink": {"path": "declared.csv"}, "keep": ["customer"]}
    loop = yaml.safe_load((session / f"{LOOP}.yaml").read_text())
    loop["spec"]["predict"] = {"batch": batch}
    (session / "declared.yaml").write_text(yaml.safe_dump(loop))
    millrace("apply", "-f", session / "declared.yaml", "--wait", "0")
    deadline = time.monotonic() + 90
    while not (session / "declared.csv").exists():
        assert time.monotonic() < deadline, millrace("loops", "show", LOOP)
        time.sleep(0.5)


@pytest.mark.parametrize(
    "words", ["loops", "runs", "models", "endpoints", "alarms", "decisions", "datasets", "jobs", "scores"]
)
def test_every_list_is_json_and_a_table(millrace, session, words):
    found = millrace(words, "list", "-o", "json")
    assert isinstance(found, list)
    assert found or words == "alarms"
    assert millrace(words, "list")


def test_what_is_listed_can_be_shown(millrace, session):
    assert millrace("loops", "show", LOOP, "-o", "json")["champion"] == 1
    assert millrace("runs", "show", LOOP, "-o", "json")["verdict"]["verdict"] == "passed"
    assert millrace("models", "show", LOOP, "-o", "json")["version"]["signature"]["inputs"]
    assert millrace("endpoints", "show", LOOP, "-o", "json")["stable_version"] == 1
    assert millrace("datasets", "show", LOOP, "-o", "json")["version"]["rows"] == 569
    job = millrace("jobs", "list", "--loop", LOOP, "-o", "json")[0]
    assert millrace("jobs", "show", job["id"][:12], "-o", "json")["state"] == "succeeded"


def test_every_decision_is_explained(millrace, session):
    found = millrace("decisions", "list", "--loop", LOOP, "-o", "json")
    assert {"loop.applied", "data.accepted", "run.opened", "gate.verdict", "rollout.promoted"} <= {
        item["kind"] for item in found
    }
    for item in found:
        told = millrace("explain", item["id"][:12])
        assert item["reason"] in told
    verdict = next(item for item in found if item["kind"] == "gate.verdict")
    told = millrace("explain", verdict["number"])
    assert "candidate: " in told
    assert "It came from:" in told


def test_the_same_file_again_is_known_and_broken_data_is_refused(millrace, table, session):
    assert "known already" in millrace("data", "push", LOOP, session / "cells.csv")
    table.assign(mean_radius="wide").to_csv(session / "broken.csv", index=False)
    told = millrace("data", "push", LOOP, session / "broken.csv", code=1)
    assert "mean_radius" in told
    assert "quarantine" in told


def test_the_report_is_a_page(millrace, session):
    millrace("report", LOOP, "--out", session / "report.html")
    assert "<html" in (session / "report.html").read_text()


def test_a_rollback_needs_a_version_to_go_back_to(millrace, session):
    assert "no " in millrace("rollback", LOOP, code=1)


def decided(millrace, loop, kind, patience=30):
    """The newest decision of a kind, once the registry has been told of it."""
    deadline = time.monotonic() + patience
    while not (found := millrace("decisions", "list", "--loop", loop, "--kind", kind, "-o", "json")):
        assert time.monotonic() < deadline, f"no {kind} was recorded"
        time.sleep(0.2)
    return found[-1]


def test_a_rollback_moves_all_traffic(millrace, loop):
    champion = millrace("loops", "show", loop, "-o", "json")["champion"]
    assert "version 1 again" in millrace("rollback", loop, "--to", "1", "--reason", "complaints")
    assert millrace("endpoints", "show", loop, "-o", "json")["stable_version"] == 1
    assert "rollback (" in millrace("explain", decided(millrace, loop, "rollback")["id"][:12])
    millrace("rollback", loop, "--to", champion)
    assert millrace("loops", "show", loop, "-o", "json")["champion"] == champion


def test_a_loop_is_paused_resumed_and_deleted_and_leaves_its_decisions(millrace, session):
    millrace("pause", LOOP)
    assert millrace("loops", "show", LOOP, "-o", "json")["state"] == "paused"
    millrace("resume", LOOP)
    assert decided(millrace, LOOP, "loop.paused")["outcome"] == "paused"
    millrace("delete", LOOP, "--yes")
    assert decided(millrace, LOOP, "loop.resumed")
