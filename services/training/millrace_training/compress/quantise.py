"""INT8 forms by onnxruntime's quantiser, in place: only the layers of nets change, all around them stays as it was.

A CPU wants U8 activations with S8 weights, TensorRT wants both signed with every zero point 0: one file for each.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from millrace_contracts.variants import NodeKind
from millrace_training.compress.target import Feeds, Recipe, Unfit
from millrace_training.graph import nets
from millrace_training.graph.session import open_session

BATCH = 64
PASSING = ("MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operators between layers that INT8 may pass through as it is."""
PREPROCESSED = "onnx.quant.pre_process"
NODES = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "ConvInteger")
MOST_LEFT_OUT = 2
"""Layers that a recipe leaves in FP32 before INT8 is given up for weights alone."""


@dataclass(frozen=True)
class Style:
    """How numbers become INT8: signed activations with zero point 0, or unsigned ones with any.

    seven_bits: weights keep within 7 bits, so that two of their products fit into 16 (onnxruntime's `reduce_range`).
    """

    symmetric: bool = False
    seven_bits: bool = False

    @classmethod
    def on(cls, node: NodeKind) -> "Style":
        """As a CPU of this kind computes right: unsigned activations, weights of 7 bits where 8 would overflow."""
        return cls(seven_bits=node.saturates)

    @property
    def text(self) -> str:
        """In a few words."""
        if self.symmetric:
            return "static S8/S8 per channel, zero points 0"
        return "static U8/S8 per channel" + (", weights of 7 bits" if self.seven_bits else "")


def nodes(graph: bytes) -> int:
    """How many nodes of a graph turn numbers into INT8 or back, or compute with them."""
    import onnx

    return sum(node.op_type in NODES for node in onnx.load_from_string(graph).graph.node)


def recipes(graph: bytes, rows: Feeds, style: Style) -> Iterator[Recipe]:
    """All layers; then without the layers whose INT8 changes the answers to *rows* most; on a CPU also dynamic INT8."""
    yield Recipe(style.text, lambda source, calibration: static(source, calibration, style))
    left: list[int] = []
    total = len(nets.find(nets.named(graph)).layers)
    while len(left) < min(MOST_LEFT_OUT, total - 1):
        left = [*left, _worst(graph, rows, style, left, total)]
        yield _without(style, sorted(left))
    if not style.symmetric:
        yield Recipe("dynamic S8 per channel", lambda source, calibration: dynamic(source, style))


def _without(style: Style, left: list[int]) -> Recipe:
    told = " and ".join(str(place + 1) for place in left)
    how = f"{style.text}, all but layer {told}"
    return Recipe(how, lambda source, calibration: static(source, calibration, style, tuple(left)))


def _worst(graph: bytes, rows: Feeds, style: Style, left: list[int], total: int) -> int:
    """The layer without whose INT8 the answers to *rows* come nearest to FP32's."""
    wanted = _answers(graph, rows)
    apart = {
        place: float(np.abs(_answers(static(graph, rows, style, (*left, place)), rows) - wanted).mean())
        for place in range(total)
        if place not in left
    }
    return min(apart, key=lambda place: apart[place])


def _answers(graph: bytes, rows: Feeds) -> np.ndarray:
    session = open_session(graph)
    return np.asarray(session.run([session.get_outputs()[0].name], rows)[0], np.float64)


def static(graph: bytes, calibration: Feeds, style: Style, left_out: tuple[int, ...] = ()) -> bytes:
    """Q/DQ nodes around each layer but those *left_out* (places), with scales from the *calibration* rows.

    Raises: Unfit if there is nothing to quantise, or onnxruntime cannot.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    model = nets.named(graph)
    net = nets.find(model)
    chosen = [name for place, name in enumerate(net.layers) if place not in left_out]
    if not chosen:
        raise Unfit("it has no net: no layer whose answers feed another")
    kinds = {node.name: node.op_type for node in model.graph.node}
    passing = [name for name in net.between if kinds[name] in PASSING] if not left_out else []
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder, "form.onnx")
        try:
            quantize_static(
                _marked(model), path, Rows(calibration),
                quant_format=QuantFormat.QDQ, per_channel=True,
                reduce_range=style.seven_bits,
                activation_type=QuantType.QInt8 if style.symmetric else QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_quantize=[*chosen, *passing], op_types_to_quantize=[*nets.LAYERS, *PASSING],
                extra_options={
                    "ActivationSymmetric": style.symmetric, "WeightSymmetric": True,
                    "QuantizeBias": not style.symmetric,
                },
            )  # fmt: skip
        except (ValueError, RuntimeError, KeyError, TypeError) as error:
            raise Unfit(f"onnxruntime's quantiser cannot: {error}"[:500]) from error
        return _finished(path.read_bytes(), graph, net.outputs)


def dynamic(graph: bytes, style: Style) -> bytes:
    """Weights in INT8, activations scaled anew at each call. Raises: Unfit."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = nets.named(graph)
    layers = nets.find(model).layers
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder, "form.onnx")
        both = [*layers, *(f"{name}_MatMul" for name in layers)]  # a Gemm becomes a MatMul of that name
        try:
            quantize_dynamic(
                _marked(model), path, per_channel=True, reduce_range=style.seven_bits,
                weight_type=QuantType.QInt8, nodes_to_quantize=both, op_types_to_quantize=["Gemm", "MatMul"],
            )  # fmt: skip
        except (ValueError, RuntimeError, KeyError, TypeError) as error:
            raise Unfit(f"onnxruntime's quantiser cannot: {error}"[:500]) from error
        return _finished(path.read_bytes(), graph, [])


class Rows:
    """Calibration rows, batch by batch, as the quantiser asks for them."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds, self._at = feeds, 0

    def get_next(self) -> Feeds | None:
        """The next batch, None at the end."""
        batch = {name: values[self._at : self._at + BATCH] for name, values in self._feeds.items()}
        self._at += BATCH
        return batch if len(next(iter(batch.values()))) else None

    def __len__(self) -> int:
        return -(-len(next(iter(self._feeds.values()))) // BATCH)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Never called for what fits into memory at once."""
        self._at = start_index * BATCH


def _marked(model: Any) -> Any:
    """The model with a mark that there is nothing to prepare: our graphs are already folded."""
    mark = model.metadata_props.add()
    mark.key, mark.value = PREPROCESSED, "onnxruntime.quant"
    return model


def _finished(made: bytes, source: bytes, ends: list[str]) -> bytes:
    """The form as training exports graphs: the same metadata and operator sets, nothing unused, numbers out unrounded.

    Args:
        ends: tensors that the nets answer: what follows is told in FP32, so they are not rounded to 256 values.
    """
    import onnx

    model, base = onnx.load_from_string(made), onnx.load_from_string(source)
    for end in ends:
        _unrounded(model.graph, end)
    del model.metadata_props[:]
    model.metadata_props.extend(base.metadata_props)
    used = {node.domain for node in model.graph.node}
    kept = [
        item
        for item in model.opset_import
        if item.domain in used | {item.domain for item in base.opset_import}
    ]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    asked = {name for node in model.graph.node for name in node.input}
    constants = [item for item in model.graph.initializer if item.name in asked]
    del model.graph.initializer[:]
    model.graph.initializer.extend(constants)
    del model.graph.value_info[:]
    model.producer_name, model.producer_version = base.producer_name, base.producer_version
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def _unrounded(graph: Any, end: str) -> None:
    """Take the Q/DQ pair behind a net's last layer away."""
    into = [node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == end]
    if len(into) != 1:
        return
    back = [node for node in graph.node if into[0].output[0] in node.input]
    if len(back) != 1 or back[0].op_type != "DequantizeLinear":
        return
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == back[0].output[0]:
                node.input[place] = end
    for node in (into[0], back[0]):
        graph.node.remove(node)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the quantiser's advice out of a job's log."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
