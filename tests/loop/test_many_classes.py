"""A newcomer's session with three classes: init with no extra word, champion, named answers, labels, retrain, rollback.

penguins.csv: 344 penguins of three species at Palmer Station, some with missing measures;
CC0 (Horst, Hill, Gorman 2020).
"""

import time
from pathlib import Path

import httpx
import pandas as pd
import pytest
import yaml

from millrace.oip import HEADER_LENGTH, columns_from_rows, decode, encode

pytestmark = [pytest.mark.loop, pytest.mark.timeout(400)]
LOOP = "penguins"
PENGUINS = Path(__file__).with_name("penguins.csv")
SPECIES = ["Adelie", "Chinstrap", "Gentoo"]


@pytest.fixture(scope="module")
def table():
    return pd.read_csv(PENGUINS)


@pytest.fixture(scope="module")
def session(millrace, tmp_path_factory):
    """The loop as `init` drafts it, with fewer trials, after its first run; its folder."""
    folder = tmp_path_factory.mktemp("penguins")
    millrace("init", LOOP, "--data", PENGUINS, "--target", "species", "--into", folder)
    file = folder / f"{LOOP}.yaml"
    drafted = file.read_text()
    assert yaml.safe_load(drafted)["spec"]["task"] == "multiclass"
    quick = drafted.replace("trials: 12", "trials: 2").replace(
        "    folds: 5", "    executor: inline\n    folds: 3"
    )
    file.write_text(quick)
    assert "344 rows accepted" in millrace("apply", "-f", file)
    assert "version 1 is in production" in millrace("watch", LOOP)
    asked = pd.read_csv(PENGUINS).drop(columns="species").iloc[[0, 200, 300]]
    asked.to_json(folder / "rows.jsonl", orient="records", lines=True)
    return folder


def test_a_prediction_names_its_class_and_how_sure_it_is(millrace, table, session):
    answers = millrace("predict", LOOP, "--rows", session / "rows.jsonl", "-o", "json")
    assert [item["class"] for item in answers] == list(table["species"].iloc[[0, 200, 300]])
    for item in answers:
        assert sorted(item["probabilities"]) == SPECIES
        assert sum(item["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert item["probabilities"][item["class"]] == max(item["probabilities"].values())
    told = millrace("predict", LOOP, "--rows", session / "rows.jsonl")
    assert "Gentoo" in told or "Chinstrap" in told


def test_the_gateway_answers_vectors_and_class_names(client, table, session):
    signature = client.registry.version(LOOP, 1).signature
    assert signature.classes == SPECIES
    rows = table.drop(columns="species").head(4)
    body, headers = encode(columns_from_rows(rows, signature))
    answer = httpx.post(client.serving.endpoint(LOOP).url, content=body, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    outputs = decode(answer.content, int(answer.headers[HEADER_LENGTH]))
    assert outputs["probabilities"].shape == (4, 3)
    assert list(outputs["class"]) == [SPECIES[place] for place in outputs["probabilities"].argmax(axis=1)]


def test_the_evaluation_tells_each_class(client, session):
    (run,) = [run for run in client.controller.runs(LOOP) if run.number == 1]
    job = client.training.job(run.steps["evaluate"].job)
    assert job.result["metrics"]["candidate"]["accuracy"] > 0.9
    assert job.result["metrics"]["candidate"]["macro_f1"] > 0.9
    page = client.registry.get_artifact(job.result["report"]).decode()
    for species in SPECIES:
        assert species in page


def test_labels_are_classes_and_new_ones_are_kept_and_other_spellings_refused_and_told(
    millrace, table, session
):
    table.head(4).to_json(session / "labelled.jsonl", orient="records", lines=True)
    answers = millrace("predict", LOOP, "--rows", session / "labelled.jsonl", "-o", "json")
    labels = session / "labels.csv"
    truths = [*table["species"].head(2), "Dodo", "adelie"]
    lines = [
        f"{item['request_id']},{item['index']},{truth}" for item, truth in zip(answers, truths, strict=True)
    ]
    labels.write_text("\n".join(["request_id,index,value", *lines]))
    deadline = time.monotonic() + 60
    while (pushed := millrace("labels", "push", LOOP, labels, "-o", "json", code=1))["labelled"] < 3:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    assert pushed["refusals"] == [
        {
            "place": 3,
            "value": "adelie",
            "reason": "is Adelie in another spelling: send it as the data has it",
        }
    ]
    assert pushed["new_classes"] == [{"value": "Dodo", "labels": 1}]
    told = millrace("labels", "push", LOOP, labels, code=1)
    assert "3 repeated" in told
    assert "1 names a class that the version in production does not know: 'Dodo' (1)" in told


def test_a_second_model_and_the_way_back(millrace, table, session):
    before = millrace("predict", LOOP, "--rows", session / "rows.jsonl", "-o", "json")
    millrace("retrain", LOOP, "--search")
    told = millrace("watch", LOOP)
    assert "run 2 ends" in told
    champion = millrace("loops", "show", LOOP, "-o", "json")["champion"]
    if champion == 2:
        millrace("rollback", LOOP, "--to", "1")
    after = millrace("predict", LOOP, "--rows", session / "rows.jsonl", "-o", "json")
    assert [item["probabilities"] for item in after] == [item["probabilities"] for item in before]
    assert "Run 1" in millrace(
        "explain",
        millrace("decisions", "list", "--loop", LOOP, "--kind", "run.closed", "-o", "json")[0]["id"][:12],
    )
