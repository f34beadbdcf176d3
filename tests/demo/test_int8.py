"""The demo of INT8 fails where a spoilt form is taken, INT8 is not, or a request fails; spoilt forms answer wrongly."""

import re
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import yaml
from tests.serving import mlp

from millrace.demo.int8 import ROOT, SPEC, Outcome, page, report
from millrace.demo.spoilt import spoil
from millrace_contracts.endpoints import ServedForm
from millrace_contracts.loop import ModelLoop
from millrace_contracts.variants import BASE_TARGET, ModelVariant

DIGEST = "sha256:" + "0" * 64


def served(target, reason):
    return ServedForm(target=target, nodes=[], reason=reason, message="so it is", wants=[])


INT8, BASE = served("ort-cpu-int8", "Fastest"), served(BASE_TARGET, "OnlyForm")
SPOILT = served(BASE_TARGET, "FellBack")


def variant(target, state, **more):
    told = {"target": target, "state": state, "reason": "as good", "name": "model.onnx", "digest": DIGEST}
    return ModelVariant.model_validate(told | more)


FORMS = [variant(BASE_TARGET, "kept"), variant("ort-cpu-int8", "unmeasured")]


def outcome(**more):
    told = {
        "version": SimpleNamespace(variants=[FORMS[0], FORMS[1].model_copy(update={"state": "kept"})]),
        "champion": INT8,
        "served": {"FP32": BASE, "planted": SPOILT, "INT8": INT8},
        "accuracy": {"FP32": 0.94, "INT8": 0.938},
        "rates": {"FP32": {1: 500.0, 50: 9000.0}, "INT8": {1: 500.0, 50: 12_000.0}},
        "sent": 900,
        "failed": 0,
        "wall_seconds": 150.0,
    }
    return Outcome(**(told | more))


def test_a_good_demo_exits_0_and_leaves_a_page_and_figures(tmp_path):
    assert report(outcome(wall_seconds=3600.0), tmp_path) == 0
    assert "so it is" in (tmp_path / "index.html").read_text()
    assert '"sent": 900' in (tmp_path / "summary.json").read_text()


@pytest.mark.parametrize(
    "broken",
    [
        {"failed": 1},
        {"champion": BASE},
        {"served": {"FP32": BASE, "planted": INT8, "INT8": INT8}},
        {"served": {"FP32": BASE, "planted": SPOILT, "INT8": SPOILT}},
        {"accuracy": {"FP32": 0.94, "INT8": 0.93}},
        {"version": SimpleNamespace(variants=[FORMS[0]])},
    ],
)
def test_a_broken_promise_exits_1(broken, tmp_path):
    assert report(outcome(**broken), tmp_path) == 1


def test_a_page_without_measurements_has_no_picture():
    assert "<svg" not in page(outcome())


def test_a_spoilt_graph_has_the_same_nodes_and_answers_otherwise():
    right, wrong = mlp.int8(), spoil(mlp.int8())
    kinds = [
        [node.op_type for node in onnx.load_model_from_string(graph).graph.node] for graph in (right, wrong)
    ]
    assert kinds[0] == kinds[1]
    rows = mlp.rows(50, 3)
    answers = [np.asarray(mlp.answers(graph, rows)) for graph in (right, wrong)]
    assert np.abs(answers[0] - answers[1]).max() > 0.1 * answers[0].std()


def test_the_how_to_shows_a_loop_that_is_valid_and_commands_that_exist():
    text = (ROOT / "docs" / "howto" / "int8.md").read_text()
    (shown,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    document = {"apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": {"name": "digits"}}
    asked = yaml.safe_load(shown)["training"]
    loop = ModelLoop.model_validate(document | {"spec": SPEC | {"training": asked}})
    assert loop.spec.training.variants == ["ort-cpu-int8"]
    targets = set(re.findall(r"make ([a-z0-9-]+)", text))
    assert targets
    assert all(f"\n{name}:" in (ROOT / "Makefile").read_text() for name in targets)
