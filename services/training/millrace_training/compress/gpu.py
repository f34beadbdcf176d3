"""GPUs by CUDA and TensorRT: forms are built and checked by rules; none of them has ever been run.

Their answers are judged on the CPU, which computes the same graph; how fast they are,
only a node with such a GPU can say.
"""

from collections.abc import Iterator

from millrace_contracts.variants import NodeKind, TargetName
from millrace_training.compress import halves, quantise, rules
from millrace_training.compress.target import SAME, Feeds, Recipe, Session
from millrace_training.graph.session import open_session


class Gpu:
    """What the targets on GPUs share: they cannot be measured where jobs run on CPUs."""

    least_alike = SAME

    def lacking(self) -> str | None:
        """Always something, so far."""
        return "no GPU with this runtime is at hand: built and checked by rules, never run"

    def open(self, graph: bytes) -> Session:
        """On the CPU: the same arithmetic, but for the order in which numbers are added."""
        session: Session = open_session(graph)
        return session

    def node(self) -> NodeKind:
        """Never asked while something is lacking."""
        raise NotImplementedError("a GPU's kind is told by the node that measures")


class Half(Gpu):
    """Nets in FP16."""

    quantises = False

    def recipes(self, graph: bytes, rows: Feeds) -> Iterator[Recipe]:
        """FP16 within the nets."""
        yield Recipe("nets in FP16", lambda source, calibration: halves.halved(source))


class OrtCudaFp16(Half):
    """FP16 by onnxruntime's CUDA kernels."""

    name: TargetName = "ort-cuda-fp16"

    def broken(self, graph: bytes) -> list[str]:
        """Which nodes run on the GPU onnxruntime chooses itself; the others stay on the CPU."""
        return [] if halves.count(graph) else ["nothing in it is FP16"]


class TensorRtFp16(Half):
    """FP16 by TensorRT, strongly typed."""

    name: TargetName = "tensorrt-fp16"

    def broken(self, graph: bytes) -> list[str]:
        """TensorRT's rules."""
        return rules.broken(graph)


class TensorRtInt8(Gpu):
    """Symmetric Q/DQ: signed, every zero point 0, biases in FP32."""

    name: TargetName = "tensorrt-int8"
    quantises = True

    def recipes(self, graph: bytes, rows: Feeds) -> Iterator[Recipe]:
        """Static INT8, with fewer layers from step to step."""
        return quantise.recipes(graph, rows, quantise.Style(symmetric=True))

    def broken(self, graph: bytes) -> list[str]:
        """TensorRT's rules."""
        return rules.broken(graph)
