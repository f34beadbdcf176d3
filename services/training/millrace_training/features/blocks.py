"""Feature blocks: each is fitted numbers, a numpy reference, and the ONNX nodes that compute the same."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from millrace_training.features import dates
from millrace_training.features.clocks import Clock
from millrace_training.features.columns import Column
from millrace_training.features.frame import Frame
from millrace_training.graph.builder import ML, Graph

FAR = np.float32(1000)
NINTH, ONE = np.float32(1 / 9), np.float32(1)


class FeatureBlock(Protocol):
    """Some columns of the feature matrix."""

    def apply(self, frame: Frame) -> np.ndarray:
        """float32 of shape (rows, width)."""

    def emit(self, graph: Graph) -> str:
        """The same as a float [N, width] tensor."""


@dataclass(frozen=True)
class Numbers:
    """Numbers as they are, or less their centre if they are exact; NaN stays, for models that can split on it."""

    columns: list[Column]

    def apply(self, frame: Frame) -> np.ndarray:
        return np.stack([_centred(column, frame.values[column.name]) for column in self.columns], axis=1)

    def emit(self, graph: Graph) -> str:
        return graph.concat([_emit_centred(graph, column) for column in self.columns])


def _centred(column: Column, values: np.ndarray) -> np.ndarray:
    if not column.exact:
        return values
    with np.errstate(over="ignore"):
        return (values - np.float64(column.centre)).astype(np.float32)


def _emit_centred(graph: Graph, column: Column) -> str:
    if not column.exact:
        return column.tensor
    return graph.cast_float(graph.add("Sub", [column.tensor, graph.constant(np.float64(column.centre))]))


@dataclass(frozen=True)
class Flat:
    """The numbers of a tensor one behind the other; what is missing is NaN."""

    column: Column

    def apply(self, frame: Frame) -> np.ndarray:
        return np.asarray(frame.values[self.column.name]).reshape(frame.rows, -1)

    def emit(self, graph: Graph) -> str:
        return graph.add("Flatten", [self.column.tensor], axis=1)


@dataclass(frozen=True)
class Filled:
    """A block without NaN, held within the range seen in training: float32 rows of the block's width."""

    inner: FeatureBlock
    fill: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def apply(self, frame: Frame) -> np.ndarray:
        raw = self.inner.apply(frame)
        return np.minimum(np.maximum(np.where(np.isnan(raw), self.fill, raw), self.low), self.high)

    def emit(self, graph: Graph) -> str:
        raw = self.inner.emit(graph)
        missing = graph.add("IsNaN", [raw])
        full = graph.add("Where", [missing, graph.constant(self.fill[None, :]), raw])
        above = graph.add("Max", [full, graph.constant(self.low[None, :])])
        return graph.add("Min", [above, graph.constant(self.high[None, :])])


@dataclass(frozen=True)
class Missing:
    """1 where a number is missing, else 0."""

    columns: list[Column]

    def apply(self, frame: Frame) -> np.ndarray:
        return np.isnan(Numbers(self.columns).apply(frame)).astype(np.float32)

    def emit(self, graph: Graph) -> str:
        return graph.cast_float(graph.add("IsNaN", [Numbers(self.columns).emit(graph)]))


@dataclass(frozen=True)
class Lookup:
    """A number for each known word of a category, and *other* for every other word."""

    column: Column
    table: dict[str, np.float32]
    other: np.float32

    def apply(self, frame: Frame) -> np.ndarray:
        words = frame.words[self.column.name]
        numbers = np.array([*(self.table.get(word, self.other) for word in words), self.other], np.float32)
        return numbers[frame.values[self.column.name]][:, None]

    def emit(self, graph: Graph) -> str:
        # An empty table would be no valid node; the added key maps to what it would get anyway.
        table = self.table or {"": self.other}
        if "" in table:
            table = dict.fromkeys(self.column.marks, table[""]) | table
        return graph.add(
            "LabelEncoder",
            [self.column.tensor],
            domain=ML,
            keys_strings=list(table),
            values_floats=[float(value) for value in table.values()],
            default_float=float(self.other),
        )


@dataclass(frozen=True)
class OneHot:
    """One 0/1 feature for each of the *words*; all 0 for any other word."""

    column: Column
    words: list[str]

    def apply(self, frame: Frame) -> np.ndarray:
        place = {word: number for number, word in enumerate(self.words)}
        codes = np.array([*(place.get(word, -1) for word in frame.words[self.column.name]), -1])
        return (codes[frame.values[self.column.name]][:, None] == np.arange(len(self.words))).astype(
            np.float32
        )

    def emit(self, graph: Graph) -> str:
        place = {word: number for number, word in enumerate(self.words)}
        if "" in place:
            place = place | dict.fromkeys(self.column.marks, place[""])
        code = graph.add(
            "LabelEncoder",
            [self.column.tensor],
            domain=ML,
            keys_strings=list(place),
            values_int64s=list(place.values()),
            default_int64=-1,
        )
        each = graph.constant(np.arange(len(self.words), dtype=np.int64)[None, :])
        return graph.cast_float(graph.add("Equal", [code, each]))


@dataclass(frozen=True)
class DateParts:
    """Month, day, weekday and hour of a timestamp on a zone's clock; NaN if missing."""

    column: Column
    clock: Clock

    def apply(self, frame: Frame) -> np.ndarray:
        return dates.parts(frame.values[self.column.name], self.clock)

    def emit(self, graph: Graph) -> str:
        return dates.emit(graph, self.column.tensor, self.clock)


@dataclass(frozen=True)
class Elapsed:
    """Days from *origin* (epoch seconds) to a timestamp, by which a model knows the year; NaN if missing."""

    column: Column
    origin: int

    def apply(self, frame: Frame) -> np.ndarray:
        return dates.elapsed(frame.values[self.column.name], self.origin)

    def emit(self, graph: Graph) -> str:
        return dates.emit_elapsed(graph, self.column.tensor, self.origin)


@dataclass(frozen=True)
class Scaled:
    """(block - mean) * scale, in float32."""

    inner: FeatureBlock
    mean: np.ndarray
    scale: np.ndarray

    def apply(self, frame: Frame) -> np.ndarray:
        return (self.inner.apply(frame) - self.mean) * self.scale

    def emit(self, graph: Graph) -> str:
        centred = graph.add("Sub", [self.inner.emit(graph), graph.constant(self.mean[None, :])])
        return graph.add("Mul", [centred, graph.constant(self.scale[None, :])])


@dataclass(frozen=True)
class Softened:
    """x / sqrt(1 + (x / 3)^2), in float32: as it is near 0, never beyond 3, so that no row is far from all others."""

    inner: FeatureBlock

    def apply(self, frame: Frame) -> np.ndarray:
        return soft(self.inner.apply(frame))

    def emit(self, graph: Graph) -> str:
        bounds = [graph.constant(np.float32(sign * FAR)) for sign in (-1, 1)]
        near = graph.add("Clip", [self.inner.emit(graph), *bounds])
        squares = graph.add("Mul", [graph.add("Mul", [near, near]), graph.constant(NINTH)])
        return graph.add("Div", [near, graph.add("Sqrt", [graph.add("Add", [squares, graph.constant(ONE)])])])


def soft(matrix: np.ndarray) -> np.ndarray:
    """What `Softened` makes of float32 numbers."""
    near = np.clip(matrix, -FAR, FAR)
    return near / np.sqrt(near * near * NINTH + ONE)


@dataclass(frozen=True)
class SideBySide:
    """Blocks next to each other: the feature matrix."""

    blocks: list[FeatureBlock] = field(default_factory=list)

    def apply(self, frame: Frame) -> np.ndarray:
        return np.concatenate([block.apply(frame) for block in self.blocks], axis=1)

    def emit(self, graph: Graph) -> str:
        return graph.concat([block.emit(graph) for block in self.blocks])
