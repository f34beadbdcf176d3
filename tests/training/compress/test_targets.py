"""A form for TensorRT keeps its rules; one for a CPU breaks them and is not passed off as the other."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tests.training.compress.conftest import NUMBERS, rows

from millrace_training.compress import halves, quantise, rules, targets
from millrace_training.compress.quantise import Style
from millrace_training.compress.target import Unfit
from millrace_training.graph.builder import Graph
from millrace_training.graph.session import open_session
from millrace_training.runtime import slot


@pytest.fixture(scope="module")
def calibration():
    x, shop, _ = rows()
    columns = {name: x[:128, place : place + 1] for place, name in enumerate(NUMBERS)}
    return columns | {"shop": np.array([[f"S{number}"] for number in shop[:128]], object)}


def test_a_symmetric_form_has_zero_points_0_biases_in_fp32_and_no_stranger_in_its_net(graphs, calibration):
    form = quantise.static(graphs.model, calibration, Style(symmetric=True))
    assert rules.broken(form) == []
    points = [
        item for item in onnx.load_from_string(form).graph.initializer if item.name.endswith("zero_point")
    ]
    assert points
    assert all(item.data_type == onnx.TensorProto.INT8 for item in points)
    assert not any(numpy_helper.to_array(item).any() for item in points)


def test_a_form_for_a_cpu_breaks_the_rules_of_tensorrt(graphs, calibration):
    said = rules.broken(quantise.static(graphs.model, calibration, Style()))
    assert "QuantizeLinear has the type UINT8, not INT8" in said
    assert any("a bias stays in FP32" in rule for rule in said)
    assert "MatMulInteger is no operator of TensorRT" in rules.broken(quantise.dynamic(graphs.model, Style()))


@pytest.mark.parametrize("built", [quantise.static, lambda graph, _, style: quantise.dynamic(graph, style)])
@pytest.mark.parametrize(("seven_bits", "most"), [(False, 127), (True, 64)])
def test_weights_keep_within_7_bits_for_a_cpu_whose_sums_of_8_overflow(
    graphs, calibration, built, seven_bits, most
):
    form = onnx.load_from_string(built(graphs.model, calibration, Style(seven_bits=seven_bits)))
    weights = [
        numpy_helper.to_array(item).astype(int)
        for item in form.graph.initializer
        if item.data_type == onnx.TensorProto.INT8 and len(item.dims) == 2
    ]
    assert weights
    assert {int(np.abs(layer).max()) for layer in weights} == {most}


def test_a_zero_point_that_is_not_0_is_seen(graphs, calibration):
    form = onnx.load_from_string(quantise.static(graphs.model, calibration, Style(symmetric=True)))
    (point, *_) = [
        item for item in form.graph.initializer if item.name.endswith("zero_point") and not item.dims
    ]
    point.CopyFrom(numpy_helper.from_array(np.array(3, np.int8), point.name))
    assert "a zero point of QuantizeLinear is not 0" in rules.broken(form.SerializeToString())


def test_halves_answer_nearly_the_same_and_take_the_same_rows(graphs, calibration):
    form = halves.halved(graphs.model)
    one, other = (open_session(graph).run(None, calibration)[0] for graph in (graphs.model, form))
    assert halves.count(form) > 0
    assert 0 < np.abs(one - other).max() < 0.02
    assert rules.broken(form) == []


def test_a_graph_without_a_net_is_unfit():
    graph = Graph()
    from tests.training.compress.conftest import SIGNATURE

    answer = graph.add(
        "MatMul", [graph.concat(NUMBERS), graph.constant(np.ones((len(NUMBERS), 1), np.float32))]
    )
    made = graph.model({"prediction": answer}, SIGNATURE)
    for build in (lambda: halves.halved(made), lambda: quantise.static(made, {}, Style())):
        with pytest.raises(Unfit, match="it has no net"):
            build()


def test_auto_is_what_can_be_measured_here_and_the_rest_is_told():
    chosen, told = targets.chosen(["auto"])
    assert "ort-cpu-int8" in [target.name for target in chosen]
    assert not {"tensorrt-int8", "tensorrt-fp16", "ort-cuda-fp16"} & {target.name for target in chosen}
    assert any(note.startswith("tensorrt-int8 is not tried: no GPU") for note in told)
    named, told = targets.chosen(["tensorrt-int8"])
    assert ([target.name for target in named], told) == (["tensorrt-int8"], [])


def test_one_measurement_at_a_time(tmp_path):
    waits = []

    def looked():
        waits.append("waited")
        raise InterruptedError

    with slot.held(tmp_path / "lock"):
        with pytest.raises(InterruptedError), slot.held(tmp_path / "lock", waiting=looked):
            raise AssertionError("two hold the slot")
        assert waits == ["waited"]
    with slot.held(tmp_path / "lock", waiting=looked):
        assert waits == ["waited"]
