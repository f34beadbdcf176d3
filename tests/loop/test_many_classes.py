"""A table of many classes, named by texts, goes through the whole loop: gates, serving, labels, report, rollback."""

import time

import pytest
from sklearn.datasets import load_wine
from tests.loop.conftest import document

from millrace.client import ApiError
from millrace.delivery import push

pytestmark = [pytest.mark.loop, pytest.mark.xdist_group("loop"), pytest.mark.timeout(400)]

NAME = "wines"
GROWERS = ("Abate", "Ètoile", "zio & figli")


@pytest.fixture(scope="module")
def wines():
    frame = load_wine(as_frame=True).frame.rename(columns=lambda name: name.replace("/", "_"))
    frame["grower"] = [GROWERS[place] for place in frame.pop("target")]
    return frame


@pytest.fixture(scope="module")
def served(client, wines, tmp_path_factory):
    """A loop whose second version is champion."""
    path = tmp_path_factory.mktemp("data") / "wines.csv"
    wines.to_csv(path, index=False)
    client.controller.apply(document(NAME, task="multiclass", target="grower"))
    assert push(client, NAME, path)["accepted"]
    for number in (1, 2):
        run = client.controller.await_run(NAME, number, timeout=170)
        assert run["state"] == "promoted", run
        if number == 1:
            client.controller.retrain(NAME, search=True)
    return NAME


def predict(client, rows, patience=40):
    """Predictions through the gateway, tried again while something restarts."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return client.serving.predict(NAME, rows)
        except ApiError as error:
            if error.status < 500 or time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def test_a_prediction_names_its_class_and_the_probability_of_each(client, served, wines):
    some = wines.iloc[[0, 70, 150]]
    answer = predict(client, some.drop(columns="grower").to_dict("records"))
    assert answer["predictions"] == list(some["grower"])
    for row, truth in zip(answer["probabilities"], some["grower"], strict=True):
        told = row if isinstance(row, dict) else dict(zip(GROWERS, row, strict=True))
        assert sum(told.values()) == pytest.approx(1, abs=1e-4)
        assert max(told, key=told.get) == truth


def test_labels_are_texts_and_what_is_no_class_is_refused(client, served, wines):
    some = wines.iloc[[1, 71, 151]]
    answer = predict(client, some.drop(columns="grower").to_dict("records"))
    deadline = time.monotonic() + 20
    while client.monitoring.monitor(NAME)["counts"]["logged"] < 3 and time.monotonic() < deadline:
        time.sleep(0.2)
    values = [*some["grower"], "nobody"]
    labels = [
        {"request_id": answer["request_id"], "index": place % 3, "value": value, "at": "2030-01-01T00:00:00Z"}
        for place, value in enumerate(values)
    ]
    assert client.monitoring.push_labels(NAME, labels[:3])["new"] == 3
    with pytest.raises(ApiError) as refusal:
        client.monitoring.push_labels(NAME, labels[3:])
    assert "nobody" in str(refusal.value.problem) or "none of the classes" in str(refusal.value.problem)


def test_the_version_tells_how_well_each_class_is_known(client, served):
    metrics = client.registry.lineage(NAME, 2)["run"]["metrics"]
    assert metrics["accuracy"] > 0.9
    assert metrics["skill"] > 0.7
    assert client.registry.version(NAME, 2)["signature"]["classes"] == list(GROWERS)


def test_a_rollback_answers_as_before(client, served, wines):
    rows = wines.drop(columns="grower").head(2).to_dict("records")
    newest = predict(client, rows)
    client.controller.rollback(NAME, to=1)
    assert predict(client, rows)["version"] == 1
    client.controller.rollback(NAME, to=2)
    assert predict(client, rows)["probabilities"] == newest["probabilities"]
