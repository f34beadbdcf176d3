"""Builds one ONNX graph node by node: equal nodes are made once, and equal input gives equal bytes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from millrace_contracts.signature import Signature

OPSET, ML_OPSET, IR_VERSION = 17, 3, 8
ML = "ai.onnx.ml"
TYPES = {
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "INT64": TensorProto.INT64,
    "BYTES": TensorProto.STRING,
}
SPLICED = "code/"
SIGNATURE_KEY = "millrace.signature"
FEATURES = "features"
"""The tensor between the preprocessing and the net of a graph that is one net, float32 [N, width]."""


def boundary_of(model: onnx.ModelProto) -> str | None:
    """Name of the tensor between preprocessing and net; None if the graph is not one net."""
    inputs = {item.name for item in model.graph.input}
    names = {name for node in model.graph.node for name in node.output}
    return next((name for name in (FEATURES, f"/{FEATURES}") if name in names - inputs), None)


class Graph:
    """A graph under construction. Tensors are named by number, so column names cannot clash with them."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._made: dict[Any, str] = {}
        self._opsets = {"": OPSET, ML: ML_OPSET}
        self._version = IR_VERSION

    def constant(self, value: np.ndarray | np.generic) -> str:
        """A constant tensor of numpy's type and shape."""
        array = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        key = ("constant", array.dtype.str, array.shape, array.tobytes())
        if key not in self._made:
            name = f"/c{len(self._constants)}"
            self._constants.append(numpy_helper.from_array(array, name))
            self._made[key] = name
        return self._made[key]

    def add(self, operator: str, inputs: Sequence[str], domain: str = "", **attributes: Any) -> str:
        """One node with one output; returns the output's name. The same node again is not added again."""
        node = helper.make_node(operator, list(inputs), [], domain=domain, **attributes)
        key = node.SerializeToString(deterministic=True)
        if key not in self._made:
            self._made[key] = f"/n{len(self._nodes)}"
            node.output.append(self._made[key])
            self._nodes.append(node)
        return self._made[key]

    def texts(self, values: Sequence[str]) -> str:
        """A constant tensor of texts, (values,)."""
        key = ("texts", *values)
        if key not in self._made:
            name = f"/c{len(self._constants)}"
            words = [value.encode() for value in values]
            self._constants.append(helper.make_tensor(name, TensorProto.STRING, [len(words)], words))
            self._made[key] = name
        return self._made[key]

    def splice(self, model: onnx.ModelProto, inputs: Mapping[str, str], output: str) -> str:
        """A whole model as nodes of this graph; returns its tensor *output*, and works with its operator sets.

        Args:
            inputs: tensors of this graph by the name that the model gives them. Names that this graph makes begin with
                a slash, those of the model with `code/`.
        """
        own = compose.add_prefix(model, SPLICED)
        for item in own.opset_import:
            self._opsets[item.domain] = max(item.version, ML_OPSET if item.domain == ML else 0)
        self._version = max(self._version, model.ir_version)
        initial = {item.name for item in own.graph.initializer}
        for item in own.graph.input:
            if item.name not in initial:
                given = inputs[item.name.removeprefix(SPLICED)]
                self._nodes.append(helper.make_node("Identity", [given], [item.name]))
        self._constants.extend(own.graph.initializer)
        self._nodes.extend(own.graph.node)
        return f"{SPLICED}{output}"

    def concat(self, tensors: Sequence[str]) -> str:
        """Tensors [N, *] side by side."""
        return tensors[0] if len(tensors) == 1 else self.add("Concat", tensors, axis=1)

    def cast_float(self, tensor: str) -> str:
        """The tensor as float32."""
        return self.add("Cast", [tensor], to=TensorProto.FLOAT)

    def boundary(self, tensor: str, signature: Signature) -> str:
        """The tensor under the name FEATURES, by which it can be found in the finished graph.

        Where an input is called so, it is `/features`. An Identity costs nothing: runtimes leave it out.
        """
        taken = any(item.name == FEATURES for item in signature.inputs)
        name = f"/{FEATURES}" if taken else FEATURES
        self._nodes.append(helper.make_node("Identity", [tensor], [name]))
        return name

    def model(self, outputs: Mapping[str, str], signature: Signature) -> bytes:
        """The finished model: *outputs* are tensors by the names that the *signature* gives.

        The signature also travels in the model's metadata. Raises: onnx.checker.ValidationError.
        """
        inputs = [
            helper.make_tensor_value_info(item.name, TYPES[item.datatype], [None, *item.dims])
            for item in signature.inputs
        ]
        results = []
        for item in signature.outputs:
            self._nodes.append(helper.make_node("Identity", [outputs[item.name]], [item.name]))
            results.append(
                helper.make_tensor_value_info(item.name, TYPES[item.datatype], [None, item.values()])
            )
        graph = helper.make_graph(self._nodes, "millrace", inputs, results, self._constants)
        opsets = [helper.make_opsetid(*item) for item in self._opsets.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=self._version, producer_name="")
        helper.set_model_props(
            model, {SIGNATURE_KEY: json.dumps(signature.model_dump(mode="json"), sort_keys=True)}
        )
        onnx.checker.check_model(model)
        return model.SerializeToString(deterministic=True)
