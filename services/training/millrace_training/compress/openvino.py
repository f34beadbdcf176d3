"""Intel's CPUs by OpenVINO, as a plug-in of onnxruntime: there only if `onnxruntime-ep-openvino` is installed.

The plug-in offers its CPU device on Intel's processors alone; elsewhere the target says so and is left out.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module, metadata
from typing import Any

from millrace_contracts.variants import NodeKind, TargetName
from millrace_training.compress import quantise
from millrace_training.compress.target import SAME, Feeds, Recipe, Session
from millrace_training.graph.node import told
from millrace_training.graph.session import open_session

PACKAGE, PLUGIN = "onnxruntime-ep-openvino", "onnxruntime_ep_openvino"
OPTIONS = {
    "load_config": json.dumps({"CPU": {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}})
}
"""As serving runs it: one thread, and no 16 bits in FP32, which would miss golden rows; `num_of_threads` is ignored."""


@lru_cache(maxsize=1)
def devices() -> tuple[Any, ...]:
    """The plug-in's CPU devices. Raises: ImportError if it is not installed."""
    import onnxruntime

    plugin = import_module(PLUGIN)  # by name: no image has to hold it

    onnxruntime.register_execution_provider_library(plugin.get_ep_name(), plugin.get_library_path())
    return tuple(
        device
        for device in onnxruntime.get_ep_devices()
        if device.ep_name == plugin.get_ep_name()
        and device.device.type == onnxruntime.OrtHardwareDeviceType.CPU
    )


class OpenVino:
    """What FP32 and INT8 share: the device, and what is missing."""

    least_alike = SAME

    def lacking(self) -> str | None:
        """Why OpenVINO does not run here."""
        try:
            there = devices()
        except ImportError:
            return f"{PACKAGE} is not installed here"
        except Exception as error:
            return f"{PACKAGE} could not be loaded: {error}"[:300]
        return None if there else f"{PACKAGE} offers no CPU here: it wants one of Intel's"

    def broken(self, graph: bytes) -> list[str]:
        """OpenVINO checks a graph when it opens it."""
        return []

    def open(self, graph: bytes) -> Session:
        """A session on OpenVINO, but for texts and trees, which it cannot run; on the plain CPU where it is not."""
        if self.lacking():
            plain: Session = open_session(graph)
            return plain
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_provider_for_devices([devices()[0]], OPTIONS)
        session: Session = onnxruntime.InferenceSession(graph, options)
        return session

    def node(self) -> NodeKind:
        """This machine's CPU, with the plug-in's version."""
        return NodeKind.of_cpu(told(), "openvino", metadata.version(PACKAGE))


class OpenVinoFp32(OpenVino):
    """The base form itself, run by OpenVINO."""

    name: TargetName = "openvino-cpu-fp32"
    quantises = False

    def recipes(self, graph: bytes, rows: Feeds) -> Iterator[Recipe]:
        """The graph as it is."""
        yield Recipe("the base form as it is", lambda source, calibration: source)


class OpenVinoInt8(OpenVino):
    """The same Q/DQ graphs as for onnxruntime's own CPU kernels."""

    name: TargetName = "openvino-cpu-int8"
    quantises = True

    def recipes(self, graph: bytes, rows: Feeds) -> Iterator[Recipe]:
        """Static INT8, with fewer layers from step to step; OpenVINO has no dynamic one of this kind."""
        for recipe in quantise.recipes(graph, rows, quantise.Style.on(self.node())):
            if recipe.how.startswith("static"):
                yield recipe
