"""A ModelLoop document is accepted or refused with the place of each mistake; examples and pipelines are fresh."""

from pathlib import Path

import pytest
import yaml
from pipelines.compile import COMPILED, compile_all
from pydantic import ValidationError

from millrace_contracts.durations import parse, whole_days
from millrace_contracts.loop import ModelLoop, mistakes

ROOT = Path(__file__).parents[2]
BASE = {
    "apiVersion": "millrace.dev/v1alpha1",
    "kind": "ModelLoop",
    "metadata": {"name": "loop"},
    "spec": {"task": "regression", "target": "y", "data": {"dataset": "d", "eventTime": "t"}},
}


def changed(path, value):
    document = yaml.safe_load(yaml.safe_dump(BASE))
    place = document
    *way, last = path.split(".")
    for step in way:
        place = place.setdefault(step, {})
    place[last] = value
    return document


@pytest.mark.parametrize(
    "path", sorted((ROOT / "k8s" / "examples").glob("*.yaml")), ids=lambda path: path.name
)
def test_every_example_is_accepted_and_says_the_same_after_a_round_trip(path):
    loop = ModelLoop.model_validate(yaml.safe_load(path.read_text()))
    assert ModelLoop.model_validate(loop.document()) == loop


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "Not A Name"),
        ("metadata.name", "-x"),
        ("spec.task", "clustering"),
        ("spec.target", ""),
        ("spec.target", "t"),
        ("spec.on", ["schedule"]),
        ("spec.data.timezone", "Mars/Olympus"),
        ("spec.data.labelDelay", "soon"),
        ("spec.data.exclude", ["y"]),
        ("spec.data.contract", {"columns": [{"name": "x", "type": "number"}]}),
        ("spec.training.holdout", "12h"),
        ("spec.training.windows", []),
        ("spec.training.windows", ["60"]),
        ("spec.training.seed", -1),
        ("spec.training.search", {"trials": 0}),
        ("spec.training.limits", {"memory": "lots"}),
        ("spec.gates.champion", {"margin": -1}),
        ("spec.gates.absolute", [{"metric": "rmse"}]),
        ("spec.gates.absolute", [{"metric": "rmse", "atMost": 1, "atLeast": 0}]),
        ("spec.rollout.canary", [{"percent": 50}, {"percent": 10}]),
        ("spec.rollout.mirror", {"percent": 0}),
        ("spec.monitoring.drift", {"psi": 0}),
        ("spec.triggers.schedule", "1h"),
        ("spec.triggers.alarms", ["boredom"]),
        ("spec.cooldown", "14"),
        ("spec.switchBack", {"candidates": 99}),
        ("apiVersion", "millrace.dev/v2"),
        ("kind", "Loop"),
    ],
)
def test_a_mistake_is_refused_with_its_place(path, value):
    with pytest.raises(ValidationError) as refusal:
        ModelLoop.model_validate(changed(path, value))
    told = mistakes(refusal.value)
    assert told
    assert any(path.split(".")[1 if "." in path else 0] in line or "spec" in line for line in told)


def test_windows_in_days_need_event_time():
    document = changed("spec.training.windows", ["60d"])
    del document["spec"]["data"]["eventTime"]
    with pytest.raises(ValidationError, match="eventTime"):
        ModelLoop.model_validate(document)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("45m", 2700), ("12h", 43_200), ("14d", 1_209_600), ("2w", 1_209_600)]
)
def test_durations_are_read(text, seconds):
    assert parse(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "d", "1.5d", "-1d", "1 d", "1y", "9999999d"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="duration"):
        parse(text)


def test_whole_days_are_whole():
    assert whole_days("2w") == 14
    with pytest.raises(ValueError, match="whole"):
        whole_days("36h")


def test_the_compiled_pipelines_are_fresh(tmp_path):
    made = compile_all(tmp_path)
    for path in made:
        assert path.read_text() == (COMPILED / path.name).read_text(), "run 'make pipelines'"


def test_no_secret_and_no_address_is_a_pipeline_parameter():
    text = (COMPILED / "loop-run.yaml").read_text().lower()
    assert "token" not in text
    assert "http://" not in text
