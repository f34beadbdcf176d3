"""The CPU by onnxruntime, which every node has: INT8 with unsigned activations and signed weights."""

from collections.abc import Iterator

from millrace_contracts.variants import NodeKind, TargetName
from millrace_training.compress import quantise
from millrace_training.compress.target import SAME, Feeds, Recipe, Session
from millrace_training.graph.node import cpu
from millrace_training.graph.session import open_session


class OnOrtCpu:
    """What runs where the base form does: there is nothing to lack, and nothing else to open it with."""

    def lacking(self) -> str | None:
        """Nothing: this is what runs the base form, too."""
        return None

    def broken(self, graph: bytes) -> list[str]:
        """onnxruntime checks a graph when it opens it."""
        return []

    def open(self, graph: bytes) -> Session:
        """As serving runs it."""
        session: Session = open_session(graph)
        return session

    def node(self) -> NodeKind:
        """This machine's CPU."""
        return cpu()


class OrtCpuInt8(OnOrtCpu):
    """Static Q/DQ, U8 activations and S8 weights per channel; dynamic INT8 where that loses too much."""

    name: TargetName = "ort-cpu-int8"
    quantises = True
    least_alike = SAME

    def recipes(self, graph: bytes, rows: Feeds) -> Iterator[Recipe]:
        """Static INT8, with fewer layers from step to step, then dynamic INT8."""
        return quantise.recipes(graph, rows, quantise.Style.on(self.node()))
