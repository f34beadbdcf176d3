"""A net with convolutions, trained by code of a user's own: its forms are made and judged by the rule for all."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tests.training.automl.test_shaped import digits
from tests.training.compress.cnn import code
from tests.training.compress.conftest import FAST, SLOW

from millrace.code_archive import pack
from millrace_contracts.compressing import CompressSpec
from millrace_contracts.learning import TrainSpec
from millrace_contracts.signature import Signature
from millrace_training.compress import compress, material, quantise, targets
from millrace_training.features.columns import columns_from_signature
from millrace_training.features.frame import from_rows
from millrace_training.graph import nets
from millrace_training.graph.node import cpu
from millrace_training.graph.session import answers, open_session
from millrace_training.kinds import train
from millrace_training.runtime.errors import JobError

OF = {"dataset": "digits", "dataset_version": 1, "task": "multiclass", "target": "digit"}


@pytest.fixture
def made(registry, make_context, tmp_path):
    """`made(text of train.py)`: the candidate that comes of it, as it travels."""

    def run(text: str, table: Any = None, key: str = "own") -> dict[str, Any]:
        folder = tmp_path / f"{key}-source"
        folder.mkdir()
        Path(folder, "train.py").write_text(text)
        registry.add("digits", 1, digits(700).filter(whole(700)) if table is None else table)
        asked = OF | {"code": {"digest": registry.put_artifact(pack(folder))}, "seed": 7}
        return train(TrainSpec.model_validate(asked), make_context(key)).model_dump(mode="json")

    return run


def whole(rows: int) -> Any:
    """Rows that have an image."""
    return np.arange(rows) % 50 != 49


def asked(made: dict[str, Any], **change: Any) -> CompressSpec:
    candidate = {name: made[name] for name in ("files", "signature")}
    told = OF | {"candidate": candidate, "golden": made["golden"], "targets": ["ort-cpu-int8"], "seed": 7}
    return CompressSpec.model_validate(told | {"margin": 0.05, "minimum_blocks": 10} | change)


def test_convolutions_become_int8_per_channel_with_rows_of_the_tensor_column(
    made, registry, make_context, monkeypatch
):
    candidate = made(code())
    assert candidate["metrics"]["holdout"]["accuracy"] > 0.9
    signature = Signature.model_validate(candidate["signature"])
    assert [(item.name, item.dims) for item in signature.inputs] == [("image", [8, 8])]
    graph = registry.store[candidate["files"]["model.onnx"]]
    assert nets.count(graph) == candidate["layers"] == 4

    monkeypatch.setattr(compress, "_measured", lambda *_: FAST)
    told = compress.run(asked(candidate), make_context("forms"))
    _, form = told.variants
    assert form.state == "kept", form.reason
    assert form.how == quantise.Style.on(cpu()).text, "all layers, whatever the CPU has"
    assert form.agreement >= 0.99
    assert material.SEEN not in told.notes, "it is judged on the rows that the code was not given"
    assert form.difference.rows < 700 / 3
    assert 0 < told.calibration.rows <= 512
    model = onnx.load_from_string(registry.store[form.digest])
    assert scales(model) == {"k0": 8, "k1": 16}

    columns = columns_from_signature(signature)
    golden = candidate["golden"]
    rows = [{"image": cell} for cell in golden["inputs"]["image"]]
    said = answers(open_session(registry.store[form.digest]), from_rows(rows, columns))
    np.testing.assert_allclose(said["probabilities"], form.golden["probabilities"], atol=1e-5)


def scales(model: onnx.ModelProto) -> dict[str, int]:
    """How many scales the weights of each convolution have, by the name that its code gave them."""
    constants = {item.name: item for item in model.graph.initializer}
    maker = {name: node for node in model.graph.node for name in node.output}
    found = {}
    for node in model.graph.node:
        if node.op_type == "Conv":
            weights = maker[node.input[1]]
            assert weights.op_type == "DequantizeLinear"
            assert constants[weights.input[0]].data_type == onnx.TensorProto.INT8
            assert not np.any(numpy_helper.to_array(constants[weights.input[2]]))
            name = weights.input[0].removesuffix("_quantized").rpartition("/")[2]
            found[name] = numpy_helper.to_array(constants[weights.input[1]]).size
    return found


def test_one_that_is_no_faster_or_has_wrong_scales_is_refused_with_its_number(
    made, make_context, monkeypatch
):
    candidate = made(code())
    monkeypatch.setattr(compress, "_measured", lambda *_: SLOW)
    slow = compress.run(asked(candidate), make_context("slow")).variants[1]
    assert slow.reason.startswith("0.84 times as fast with 1 row")

    def wrong(*given: Any) -> material.Material:
        rows = material.gathered(*given)
        return replace(rows, calibration={"image": rows.calibration["image"] * 1000})

    monkeypatch.setattr(compress, "gathered", wrong)
    statics = lambda self, graph, rows: (  # noqa: E731
        recipe
        for recipe in quantise.recipes(graph, rows, quantise.Style())
        if recipe.how == "static U8/S8 per channel"
    )
    monkeypatch.setattr(type(targets.ALL["ort-cpu-int8"]), "recipes", statics)
    spoilt = compress.run(asked(candidate), make_context("spoilt")).variants[1]
    assert (spoilt.state, spoilt.measured, spoilt.name) == ("refused", SLOW, None)
    assert "% of the rows as the base form does" in spoilt.reason


@pytest.mark.parametrize("shape", ['["N", 8]', '["N", 4, 16]', "[20, 8, 8]"])
def test_another_shape_than_the_columns_is_refused_with_the_one_it_should_be(made, shape):
    text = code(shape=shape).replace(
        "features = run(graph(kernels, []), images)", "return refused(job, kernels)"
    )
    text += (
        "\ndef refused(job, kernels):\n"
        "    layers = [(np.zeros((1, 10), np.float32), np.zeros(10, np.float32))]\n"
        "    onnx.save(graph(kernels, layers), 'model.onnx')\n"
        "    job.export('model.onnx', np.zeros((20, 10)))\n"
    )
    with pytest.raises(JobError) as refused:
        made(text)
    assert "the column's cells are [8, 8], so it is [N, 8, 8]" in refused.value.detail
    assert "reshape inside the graph" in refused.value.mend


@pytest.mark.slow
def test_a_wider_one_is_measured_for_real(made, make_context):
    """Whether it is kept is the machine's business; that the rule has real figures is the promise."""
    table = large()
    candidate = made(code(filters=24, side=16), table)
    _, form = compress.run(asked(candidate), make_context("forms")).variants
    assert form.agreement >= 0.99
    assert {item.batch for item in form.measured.speed_up} == {1, 8, 64}
    fast = all(form.measured.at(batch).lower > 1.1 for batch in (1, 8))
    assert form.state == ("kept" if fast else "refused"), form.reason
    print(
        [(item.batch, round(item.ratio, 2), round(item.lower, 2)) for item in form.measured.speed_up],
        form.reason,
    )


def large() -> Any:
    """The digits with each point four times."""
    import pyarrow as pa
    from sklearn.datasets import load_digits

    from millrace_table import tensors

    images, labels = load_digits(return_X_y=True)
    grown = images[:700].reshape(-1, 8, 8).repeat(2, axis=1).repeat(2, axis=2).astype(np.float32)
    return pa.table({"image": tensors.from_numpy(grown, [16, 16]), "digit": labels[:700]})
