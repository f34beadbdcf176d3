"""What a target is: a runtime with a precision on a kind of hardware, which can build a form and open it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from millrace_contracts.variants import NodeKind, TargetName

SAME = 0.99
"""Share of rows that the same net in other numbers answers as before."""
Feeds = dict[str, np.ndarray]
"""Rows for a graph: arrays (rows, …) by input name."""


class Session(Protocol):
    """A graph that is ready to answer, as onnxruntime has it."""

    def run(self, outputs: Any, feeds: Feeds) -> list[Any]:
        """The outputs of these names, or all, for these rows."""

    def get_inputs(self) -> list[Any]:
        """Descriptions of the inputs."""

    def get_outputs(self) -> list[Any]:
        """Descriptions of the outputs."""


@dataclass(frozen=True)
class Recipe:
    """One way to make a form.

    Attributes:
        how: in a few words, like "static U8/S8 per channel".
        build: from the FP32 graph and calibration rows to the form. Raises: Unfit if the graph cannot be made so.
    """

    how: str
    build: Callable[[bytes, Feeds], bytes]


class Unfit(Exception):
    """A graph cannot be given this form; the text says why."""


class Target(Protocol):
    """One kind of form and what runs it."""

    name: TargetName
    quantises: bool
    """Whether its forms have to have QuantizeLinear and DequantizeLinear nodes."""
    least_alike: float
    """Least share of rows that its forms answer as the base form does."""

    def lacking(self) -> str | None:
        """Why it cannot be measured on this machine; None: it can."""

    def recipes(self, graph: bytes, rows: Feeds) -> Iterator[Recipe]:
        """Ways to make the form, the fastest first; each later one is for when the one before loses too much.

        Args:
            rows: some of the training window by which a recipe may choose what to leave in FP32.
        """

    def broken(self, graph: bytes) -> list[str]:
        """Rules of the target that a form breaks, each in words; none: it may be loaded there."""

    def open(self, graph: bytes) -> Session:
        """A session on this machine, one thread: on the target, or on the CPU if there is none of it here."""

    def node(self) -> NodeKind:
        """What kind of node this machine is for the target. Only asked if nothing is lacking."""
