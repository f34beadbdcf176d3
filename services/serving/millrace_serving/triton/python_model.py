"""What Triton's Python backend runs for every revision: one ONNX graph in onnxruntime.

Copied as `model.py` beside `model.onnx`; it runs in Triton's own environment (numpy 1.26) and imports
nothing of Millrace. The graph is read as bytes, so that it cannot refer to files.

A request has a tensor for each column, or one for all columns of a datatype (`packed.FP32`), whose names, in its order,
stand in the request's parameter of the same name.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils  # provided by Triton's stub

TYPES = {
    "TYPE_FP32": "tensor(float)",
    "TYPE_FP64": "tensor(double)",
    "TYPE_INT64": "tensor(int64)",
    "TYPE_STRING": "tensor(string)",
}


BASE = "ort-cpu-fp32"
RUN_BY_ONNXRUNTIME = (BASE, "ort-cpu-int8", "ort-cpu-distilled")
RUN_BY_OPENVINO = ("openvino-cpu-fp32", "openvino-cpu-int8")
OPENVINO = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
"""Left to itself it uses all cores, and 16 bits where the CPU has them: other answers than those of its golden rows."""
REMEMBERED = 64
"""Orders of packed columns that are remembered, and buffers for them; clients repeat theirs."""
BUFFERED = 64
"""Most rows that are read from a buffer; with more of them a call costs little beside its rows."""


class TritonPythonModel:
    """One revision, as Triton's Python backend calls it."""

    def initialize(self, args: dict[str, str]) -> None:
        config = json.loads(args["model_config"])
        path = os.path.join(args["model_repository"], args["model_version"], "model.onnx")
        with open(path, "rb") as file:
            graph = file.read()
        digest = "sha256:" + hashlib.sha256(graph).hexdigest()
        if digest != config["parameters"]["digest"]["string_value"]:
            raise ValueError("model.onnx has changed since it was registered: " + digest)
        target = config["parameters"].get("target", {"string_value": BASE})["string_value"]
        self.session = _session(graph, target)
        self._check_inputs(config)
        self.groups = _groups(config)
        self.inputs = [item["name"] for item in config["input"] if item["name"] not in self.groups]
        self.strings = {item["name"] for item in config["input"] if item["data_type"] == "TYPE_STRING"}
        self.orders: dict[str, dict[str, list[str]]] = {}
        held = [name for columns in self.groups.values() for name in columns]
        self.buffered = (
            target in RUN_BY_ONNXRUNTIME
            and sorted(held) == sorted(self.inputs)
            and self.strings.isdisjoint(self.groups)
        )
        self.buffers: dict[tuple[str, int], Buffers] = {}
        self.outputs = [item["name"] for item in config["output"]]
        self.widths = [int(item["dims"][0]) for item in config["output"]]
        self.texts = [item["data_type"] == "TYPE_STRING" for item in config["output"]]

    def _check_inputs(self, config: dict[str, Any]) -> None:
        packed = _groups(config)
        declared = {
            item["name"]: TYPES[item["data_type"]] for item in config["input"] if item["name"] not in packed
        }
        actual = {item.name: item.type for item in self.session.get_inputs()}
        if declared != actual:
            differing = sorted(set(declared.items()) ^ set(actual.items()))
            raise ValueError("the signature does not fit the graph: " + repr(differing[:6]))
        missing = {item["name"] for item in config["output"]} - {o.name for o in self.session.get_outputs()}
        if missing:
            raise ValueError("the graph lacks the outputs " + ", ".join(sorted(missing)))

    def execute(self, requests: list[Any]) -> list[Any]:
        try:
            return self._together(requests)
        except Exception:
            return [self._alone(request) for request in requests]

    def _together(self, requests: list[Any]) -> list[Any]:
        given = [self._given(request) for request in requests]
        sizes = [len(next(iter(tensors.values()))) for _, tensors in given]
        results = self._buffered(given, sum(sizes))
        if results is None:
            results = self.session.run(self.outputs, self._feeds(given))
        results = [self._shaped(item, place, sum(sizes)) for place, item in enumerate(results)]
        ends = accumulate(sizes)
        return [self._response(results, end - size, end) for end, size in zip(ends, sizes, strict=True)]

    def _buffered(self, given: list[tuple[str, dict[str, np.ndarray]]], rows: int) -> list[np.ndarray] | None:
        """The outputs for packed numbers alone, all in one order; None for anything else."""
        named = given[0][0]
        if not self.buffered or rows > BUFFERED:
            return None
        if any(text != named or tensors.keys() != self.groups.keys() for text, tensors in given):
            return None
        buffers = self.buffers.get((named, rows))
        if buffers is None:
            orders = {name: self._order(named, name) for name in self.groups}
            values = {name: given[0][1][name].dtype for name in self.groups}
            if len(self.buffers) >= REMEMBERED:
                self.buffers.clear()
            buffers = self.buffers[named, rows] = Buffers(self.session, self.outputs, orders, values, rows)
        return buffers.run([tensors for _, tensors in given])

    def _given(self, request: Any) -> tuple[str, dict[str, np.ndarray]]:
        """The tensors of one request, and the text that names packed columns; empty where none are."""
        tensors = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        packed = not self.groups.keys().isdisjoint(tensors)
        return (request.parameters() if packed else ""), tensors

    def _feeds(self, given: list[tuple[str, dict[str, np.ndarray]]]) -> dict[str, np.ndarray]:
        """All rows by column. Requests of one form are joined as they are, others column by column."""
        named, first = given[0]
        if len(given) == 1:
            return self._columns(named, first)
        if all(text == named and tensors.keys() == first.keys() for text, tensors in given):
            joined = {name: np.concatenate([tensors[name] for _, tensors in given]) for name in first}
            return self._columns(named, joined)
        each = [self._columns(*item) for item in given]
        return {name: np.concatenate([feed[name] for feed in each]) for name in self.inputs}

    def _columns(self, named: str, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        feed: dict[str, np.ndarray] = {}
        for name, values in tensors.items():
            if name in self.strings:
                values = np.array([item.decode() for item in values.reshape(-1)], object).reshape(
                    values.shape
                )
            if name not in self.groups:
                feed[name] = values
                continue
            columns = np.ascontiguousarray(values.T)
            for place, column in enumerate(self._order(named, name)):
                if column in tensors:
                    raise ValueError("the column " + repr(column) + " was sent twice")
                feed[column] = columns[place].reshape(-1, 1)
        if len(feed) != len(self.inputs):
            missing = [name for name in self.inputs if name not in feed]
            raise ValueError("missing columns: " + ", ".join(missing[:6]))
        return feed

    def _order(self, named: str, tensor: str) -> list[str]:
        """Names of the columns in a packed tensor. Raises: ValueError."""
        orders = self.orders.get(named)
        if orders is None:
            orders = _orders(named, self.groups)
            if len(self.orders) >= REMEMBERED:
                self.orders.clear()
            self.orders[named] = orders
        if tensor not in orders:
            raise ValueError("the parameter " + tensor + " does not name the columns of that tensor")
        return orders[tensor]

    def _shaped(self, values: Any, place: int, rows: int) -> np.ndarray:
        """One output as Triton takes it: numbers, or the bytes of texts, of shape (rows, width)."""
        if self.texts[place]:
            values = [str(value).encode() for value in np.asarray(values, dtype=object).reshape(-1)]
        kind = np.object_ if self.texts[place] else np.float32
        return np.asarray(values, dtype=kind).reshape(rows, self.widths[place])

    def _alone(self, request: Any) -> Any:
        try:
            return self._together([request])[0]
        except Exception as error:
            message = type(error).__name__ + ": " + str(error)[:300]
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(message))

    def _response(self, results: list[np.ndarray], begin: int, end: int) -> Any:
        tensors = [
            pb_utils.Tensor(name, values[begin:end])
            for name, values in zip(self.outputs, results, strict=True)
        ]
        return pb_utils.InferenceResponse(output_tensors=tensors)


class Buffers:
    """Where the graph reads so many rows of packed columns: told once what lies where, not with each call."""

    def __init__(
        self,
        session: Any,
        outputs: Sequence[str],
        orders: dict[str, list[str]],
        kinds: dict[str, Any],
        rows: int,
    ) -> None:
        self._session, self._binding = session, session.io_binding()
        self._values = {name: np.zeros((len(columns), rows), kinds[name]) for name, columns in orders.items()}
        self._outputs = range(len(outputs))
        for name, columns in orders.items():
            for column, values in zip(columns, self._values[name], strict=True):
                value = onnxruntime.OrtValue.ortvalue_from_numpy(values.reshape(-1, 1))
                self._binding.bind_ortvalue_input(column, value)
        for name in outputs:
            self._binding.bind_output(name)

    def run(self, given: Sequence[dict[str, np.ndarray]]) -> list[np.ndarray]:
        """The outputs for the rows of all who are *given*, copied: the next call writes where these lie."""
        for name, values in self._values.items():
            pieces = [tensors[name] for tensors in given]
            values[:] = (pieces[0] if len(pieces) == 1 else np.concatenate(pieces)).T
        self._session.run_with_iobinding(self._binding)
        made = self._binding.get_outputs_as_ortvaluevector()
        return [made[place].numpy().copy() for place in self._outputs]


def _session(graph: bytes, target: str) -> Any:
    """The graph, ready to run with what *target* names. Raises: ValueError if that is not here."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    if target in RUN_BY_ONNXRUNTIME:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    if target not in RUN_BY_OPENVINO:
        raise ValueError("nothing here runs a graph for " + target)
    try:
        import onnxruntime_ep_openvino as openvino
    except ImportError as error:
        raise ValueError("OpenVINO is not installed in Triton's environment") from error
    name = openvino.get_ep_name()
    onnxruntime.register_execution_provider_library(name, openvino.get_library_path())
    devices = [item for item in onnxruntime.get_ep_devices() if item.ep_name == name and _is_cpu(item)]
    if not devices:
        raise ValueError("OpenVINO finds no CPU of its own here; its plug-in takes those of Intel alone")
    options.add_provider_for_devices(devices[:1], {"load_config": json.dumps({"CPU": OPENVINO})})
    return onnxruntime.InferenceSession(graph, options)


def _is_cpu(device: Any) -> bool:
    return bool(device.device.type == onnxruntime.OrtHardwareDeviceType.CPU)


def _groups(config: Any) -> dict[str, set[str]]:
    """Packed tensors, and the columns that each holds; the configuration says which inputs are packed."""
    packed = config["parameters"].get("packed", {"string_value": ""})["string_value"].split()
    kinds = {item["name"]: item["data_type"] for item in config["input"]}
    plain = [item["name"] for item in config["input"] if [int(length) for length in item["dims"]] == [1]]
    columns = [(name, kinds[name]) for name in plain if name not in packed]
    return {tensor: {name for name, kind in columns if kind == kinds[tensor]} for tensor in packed}


def _orders(named: str, groups: dict[str, set[str]]) -> dict[str, list[str]]:
    """The columns of each packed tensor that a request's parameters name as they should be."""
    parameters = json.loads(named or "{}")
    orders = {}
    for tensor, columns in groups.items():
        names = json.loads(parameters[tensor]) if tensor in parameters else []
        if len(names) == len(columns) and set(names) == columns:
            orders[tensor] = names
    return orders
