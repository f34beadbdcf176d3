"""The compress job keeps a form that is as good and faster, and tells of every other why not, with its number."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from tests.training.compress.conftest import FAST, NUMBERS, SIGNATURE, SLOW, table
from tests.training.conftest import run_train

from millrace_contracts.compressing import CompressResult
from millrace_contracts.models import ModelVersionWrite
from millrace_training.automl.portfolio import PORTFOLIO
from millrace_training.compress import compress, material, quantise, targets
from millrace_training.graph import nets


@pytest.fixture
def run(make_context, monkeypatch):
    """Runs the job; *says* is what every measurement says."""

    def go(spec, says=FAST):
        monkeypatch.setattr(compress, "_measured", lambda *_: says)
        return compress.run(spec, make_context("compress"))

    return go


def test_a_form_that_is_as_good_and_faster_is_kept_with_its_file_and_every_number(
    run, asked, registry, graphs
):
    result = run(asked())
    base, form = result.variants
    assert (base.target, base.state, base.measured) == ("ort-cpu-fp32", "kept", None)
    assert (form.target, form.state) == ("ort-cpu-int8", "kept"), form.reason
    assert form.how.startswith(
        "static U8/S8 per channel"
    )  # a layer or two may stay as they are, if the gate asks for it
    assert form.quantised > 0
    assert form.agreement > 0.99
    assert form.difference.verdict == "passed"
    assert form.difference.rows == 14 * 40
    assert [
        (part.column, part.value, part.verdict) for part in sorted(form.slices, key=lambda part: part.value)
    ] == [("shop", f"S{number}", "passed") for number in range(3)]
    assert "faster: 1.5 with 1 row, 2.1 with 8 rows" in form.reason
    assert form.size < base.size
    made = registry.store[form.digest]
    assert len(made) == form.size
    assert [item.name for item in onnx.load_from_string(made).graph.input] == [
        item.name for item in SIGNATURE.inputs
    ]
    assert {item.key: item.value for item in onnx.load_from_string(made).metadata_props} == {
        item.key: item.value for item in onnx.load_from_string(graphs.model).metadata_props
    }
    page = registry.store[result.report].decode()
    assert "Loss against latency" in page
    assert "<svg" in page
    assert not any(word in page for word in ("<script", "src=", "@import"))


def test_a_form_tells_what_it_answers_the_golden_rows(run, asked, graphs):
    inputs = {name: [0.5, None] for name in NUMBERS} | {"shop": ["S1", None]}
    spec = asked(golden={"inputs": inputs, "outputs": {"prediction": [0.0, 0.0]}})
    (answered,) = run(spec).variants[1].golden.values()
    assert len(answered) == 2
    assert np.isfinite(answered[0])


def test_the_release_unit_takes_what_was_kept(run, asked):
    spec = asked()
    result = run(spec)
    unit = ModelVersionWrite(
        key="k", files={"files": [*spec.candidate.files.files, *result.files.files]}, signature=SIGNATURE,
        task="regression", target="y", variants=result.variants,
    )  # fmt: skip
    assert unit.files.digest("model", "ort-cpu-int8") == result.variants[1].digest
    assert CompressResult.model_validate_json(result.model_dump_json()) == result


def test_a_form_that_is_no_faster_is_refused_with_its_number_and_leaves_no_file(run, asked, registry):
    result = run(asked(), SLOW)
    form = result.variants[1]
    assert form.state == "refused"
    assert form.reason.startswith("0.84 times as fast with 1 row (at least 0.80): more than 1.1 is wanted")
    assert form.name is None
    assert result.files is None


def test_the_batch_sizes_of_the_traffic_decide(run, asked):
    assert run(asked(batches=[64]), SLOW).variants[1].state == "kept"


def test_the_same_seed_draws_the_same_rows_and_makes_the_same_file(run, asked):
    one, same, other = run(asked()), run(asked()), run(asked(seed=5))
    assert one.calibration == same.calibration
    assert one.variants[1].digest == same.variants[1].digest
    assert one.calibration.digest != other.calibration.digest


def test_scales_from_wrong_rows_are_refused_by_the_loss(run, asked, monkeypatch):
    """The rows to calibrate on are a thousand times too large: all that is real falls into one step of INT8."""

    def wrong(*given):
        rows = material.gathered(*given)
        large = {name: rows.calibration[name] * 1000 for name in NUMBERS}
        return replace(rows, calibration=rows.calibration | large)

    monkeypatch.setattr(compress, "gathered", wrong)
    statics = lambda self, graph, rows: (  # noqa: E731
        recipe
        for recipe in quantise.recipes(graph, rows, quantise.Style())
        if recipe.how.startswith("static")
    )
    monkeypatch.setattr(type(targets.ALL["ort-cpu-int8"]), "recipes", statics)
    form = run(asked()).variants[1]
    assert form.state == "refused"
    assert form.measured == FAST  # a picture shows what it would have gained
    assert form.name is None
    assert "of the rows as the base form does" in form.reason or "above the margin" in form.reason
    assert form.difference.verdict == "failed"


def test_without_a_q_dq_node_nothing_counts(run, asked, monkeypatch):
    monkeypatch.setattr(quantise, "static", lambda source, *_: source)
    form = run(asked()).variants[1]
    assert form.state == "refused"
    assert form.reason == "it has 0 Q/DQ nodes: nothing in it was quantised"


def test_a_target_that_cannot_make_its_form_does_not_harm_the_others(run, asked, monkeypatch):
    def dead(*_):
        raise RuntimeError("no kernel")

    monkeypatch.setattr(type(targets.ALL["tensorrt-int8"]), "open", dead)
    by_name = {item.target: item for item in run(asked(targets=["auto", "tensorrt-int8"])).variants}
    assert by_name["ort-cpu-int8"].state == "kept"
    assert by_name["tensorrt-int8"].reason == "it could not be made or opened: RuntimeError: no kernel"


def test_what_no_machine_here_can_run_is_built_checked_and_not_called_fast(run, asked, registry):
    names = ["tensorrt-int8", "tensorrt-fp16", "ort-cuda-fp16"]
    result = run(asked(targets=names))
    assert [(item.target, item.state) for item in result.variants[1:]] == [
        (name, "unmeasured") for name in ("ort-cuda-fp16", "tensorrt-fp16", "tensorrt-int8")
    ]
    for item in result.variants[1:]:
        assert item.measured is None
        assert item.reason.endswith("built and checked by rules, never run")
        assert item.digest in registry.store
    assert len(result.files.files) == 3


def test_trees_are_left_alone_and_say_why(run, make_context, registry, monkeypatch):
    registry.add("rows", 1, table())
    asked = {
        "dataset": "rows", "dataset_version": 1, "task": "regression", "target": "y", "event_time": "at",
        "holdout_days": 14, "search": "refit", "configurations": [PORTFOLIO[0]], "executor": "inline",
    }  # fmt: skip
    candidate = run_train(asked, make_context("train"))
    assert candidate["layers"] == 0
    monkeypatch.setattr(compress, "gathered", None)  # no row is read
    shared = {name: asked[name] for name in ("dataset", "dataset_version", "task", "target")}
    spec = compress.CompressSpec.model_validate(
        shared | {"candidate": {"files": candidate["files"], "signature": candidate["signature"]}}
    )
    result = run(spec)
    assert result.variants == []
    assert result.notes == ["trees and single sums gain nothing from other precisions: the graph has no net"]


@pytest.mark.slow
def test_without_event_time_a_form_is_judged_on_a_fold_that_its_graph_had_not_seen(
    run, make_context, registry
):
    registry.add("rows", 1, table().drop_columns(["at"]).slice(0, 600))
    net = {"id": "m", "family": "mlp", "params": {"layers": 2, "width": 8, "rate": 0.003, "decay": 0.0001}}
    asked = {
        "dataset": "rows", "dataset_version": 1, "task": "regression", "target": "y", "search": "refit", "seed": 3,
        "configurations": [net], "executor": "inline",
    }  # fmt: skip
    made = run_train(asked, make_context("train"))
    assert set(made["files"]) == {"model.onnx", "holdout.onnx", "oof.parquet", "baseline.json"}
    shared = {name: asked[name] for name in ("dataset", "dataset_version", "task", "target", "seed")}
    candidate = {"files": made["files"], "signature": made["signature"]}
    more = {"candidate": candidate, "golden": made["golden"], "targets": ["ort-cpu-int8"]}
    result = run(compress.CompressSpec.model_validate(shared | more))
    assert material.SEEN not in result.notes
    assert result.variants[1].difference.rows == 120
    alone = {**candidate, "files": {"model.onnx": made["files"]["model.onnx"]}}
    told = run(compress.CompressSpec.model_validate(shared | more | {"candidate": alone}))
    assert material.SEEN in told.notes


def test_a_net_is_layers_one_behind_the_other(graphs):
    assert nets.count(graphs.model) == 3
