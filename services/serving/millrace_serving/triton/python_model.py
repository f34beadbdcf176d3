"""What Triton's Python backend runs for every revision: one ONNX graph in onnxruntime.

Copied as `model.py` beside `model.onnx`; it runs in Triton's own environment (numpy 1.26) and imports
nothing of Millrace. The graph is read as bytes, so that it cannot refer to files.
"""

import hashlib
import json
import os
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
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._check_inputs(config)
        self.strings = [item["name"] for item in config["input"] if item["data_type"] == "TYPE_STRING"]
        self.inputs = [item["name"] for item in config["input"]]
        self.outputs = [item["name"] for item in config["output"]]
        self.widths = [int(item["dims"][0]) for item in config["output"]]
        self.texts = [item["data_type"] == "TYPE_STRING" for item in config["output"]]

    def _check_inputs(self, config: dict[str, Any]) -> None:
        declared = {item["name"]: TYPES[item["data_type"]] for item in config["input"]}
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
        feeds = [self._feeds(request) for request in requests]
        sizes = [len(next(iter(feed.values()))) for feed in feeds]
        joined = feeds[0] if len(feeds) == 1 else {k: np.concatenate([f[k] for f in feeds]) for k in feeds[0]}
        results = self.session.run(self.outputs, joined)
        results = [self._shaped(item, place, sum(sizes)) for place, item in enumerate(results)]
        ends = np.cumsum(sizes)
        return [self._response(results, end - size, end) for end, size in zip(ends, sizes, strict=True)]

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

    def _feeds(self, request: Any) -> dict[str, np.ndarray]:
        feed = {}
        for name in self.inputs:
            values = pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            if name in self.strings:
                values = np.array([item.decode() for item in values.reshape(-1)], dtype=object).reshape(-1, 1)
            feed[name] = values
        return feed

    def _response(self, results: list[np.ndarray], begin: int, end: int) -> Any:
        tensors = [
            pb_utils.Tensor(name, np.ascontiguousarray(values[begin:end]))
            for name, values in zip(self.outputs, results, strict=True)
        ]
        return pb_utils.InferenceResponse(output_tensors=tensors)
