"""Takes a graph that code of a user's own handed over: makes it whole, and holds it to what its model answered."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx

from millrace_contracts.custom_code import CodeExport
from millrace_contracts.signature import Signature
from millrace_stats.tasks import Task
from millrace_training.automl.plan import Plan
from millrace_training.code import graphs
from millrace_training.code.graphs import Exported, refuse
from millrace_training.code.laying import Laid
from millrace_training.export import outputs, parity
from millrace_training.features.columns import Column
from millrace_training.features.frame import Frame
from millrace_training.graph.builder import Graph
from millrace_training.graph.session import open_session
from millrace_training.runtime.errors import JobError

TOLERANCE = 1e-3
"""Largest difference of an answer, in standard deviations of the target or in probability: GPUs round otherwise."""
SHOWN = 5
SUM = 1e-3


@dataclass(frozen=True)
class Accepted:
    """The whole graph, the columns that it takes, and what was seen when it was held against its parts."""

    graph: bytes
    columns: list[Column]
    parity: dict[str, float]


def accept(content: bytes, told: CodeExport, plan: Plan, laid: Laid) -> Accepted:
    """The graph as it will be served. Raises: JobError with what is wrong, the rows that differ, and the remedy."""
    task, width = plan.aim.task, plan.aim.width
    exported = graphs.read(content, plan.table.frame.columns, laid.matrix.shape[1], task, width)
    core = _Core(exported, _opened(content), plan, told.logits)
    columns = exported.columns or plan.table.frame.columns
    frame = narrowed(laid.frame, columns)
    core.block = None if exported.columns is not None else laid.block
    _answers_rows(core, frame)
    _repeats(core, told, laid)
    return _held(core, columns, frame, plan)


def adopted(content: bytes, plan: Plan) -> Accepted:
    """A graph that was trained elsewhere, as it will be served; it takes columns by name. Raises: JobError."""
    task, width = plan.aim.task, plan.aim.width
    exported = graphs.read(content, plan.table.frame.columns, len(plan.table.frame.columns), task, width)
    if exported.columns is None:
        names = ", ".join(column.tensor for column in plan.table.frame.columns[:10])
        refuse(
            "It takes one matrix, and nobody says which of its columns are which of the data's.",
            f"Export it with an input of the shape [N, 1] for each column, named like it ({names}).",
        )
    core = _Core(exported, _opened(content), plan, logits=False)
    frame = narrowed(plan.table.frame, exported.columns)
    _answers_rows(core, frame)
    return _held(core, exported.columns, frame, plan)


def _held(core: "_Core", columns: list[Column], frame: Frame, plan: Plan) -> Accepted:
    """The whole graph, held against its core on real and hostile rows. Raises: JobError."""
    task, exported = plan.aim.task, core.exported
    graph = core.whole(of_columns(plan, columns).signature)
    scale, hostile = task.scale(plan.table.target), exported.columns is None
    seen = parity.compare(core, graph, frame, scale, plan.spec.seed, hostile)
    if seen.bad:
        raise JobError(
            "The exported graph is refused",
            f"It answers {seen.bad} of {seen.rows} rows otherwise when they are asked about together, or have hostile "
            f"values (largest difference {seen.largest:.2g}).",
            "Export the model in evaluation mode (model.eval()), so that no row's answer depends on another.",
        )
    return Accepted(graph, columns, seen.to_dict())


def of_columns(plan: Plan, columns: list[Column]) -> Plan:
    """The same training, of some of the columns alone."""
    frame = narrowed(plan.table.frame, columns)
    return replace(plan, table=replace(plan.table, frame=frame))


def narrowed(frame: Frame, columns: list[Column]) -> Frame:
    """The same rows with some of their columns."""
    return Frame(columns, frame.values, frame.words, frame.rows)


def _opened(content: bytes) -> Any:
    try:
        return open_session(content)
    except Exception as error:  # onnxruntime has a class for each of its reasons
        refuse(f"onnxruntime cannot load it: {str(error)[:500]}", "Export with opset_version=17.")


class _Core:
    """The graph as it was handed over, from a frame to the task's numbers: what the whole graph is held against."""

    def __init__(self, exported: Exported, session: Any, plan: Plan, logits: bool) -> None:
        self.exported, self.session, self.plan, self.logits = exported, session, plan, logits
        self.block: Any = None
        self.wide = 0

    @property
    def task(self) -> Task:
        return self.plan.aim.task

    def raw(self, feeds: dict[str, np.ndarray]) -> np.ndarray:
        """float64 (rows, wide): the output as it is."""
        try:
            (values,) = self.session.run([self.exported.answer], feeds)
        except Exception as error:  # as above
            refuse(f"onnxruntime cannot run it: {str(error)[:500]}", "See that it takes any number of rows.")
        rows = len(next(iter(feeds.values())))
        if values.size % rows or values.shape[0] != rows:
            refuse(
                f"{rows} rows get answers of the shape {values.shape}.",
                "Answer each row by itself, [N, width].",
            )
        self.wide = values.size // rows
        return np.asarray(values.reshape(rows, self.wide), np.float64)

    def feeds(self, frame: Frame, matrix: np.ndarray | None = None) -> dict[str, np.ndarray]:
        if self.exported.columns is not None:
            return narrowed(frame, self.exported.columns).feeds()
        made = self.block.apply(frame) if matrix is None else matrix
        return {self.session.get_inputs()[0].name: np.ascontiguousarray(made, np.float32)}

    def predict(self, frame: Frame) -> np.ndarray:
        return self.numbers(self.raw(self.feeds(frame)))

    def numbers(self, raw: np.ndarray) -> np.ndarray:
        """The raw output as the task's numbers, as nodes do it in `whole`."""
        if self.logits and self.task.classifies:
            raw = 1 / (1 + np.exp(-raw)) if self.wide == 1 else _softmax(raw)
        width = self.plan.aim.width
        return raw[:, -1] if width == 1 else raw

    def chosen(self, predicted: np.ndarray) -> dict[str, np.ndarray]:
        names = self.task.chosen(predicted, self.plan.aim.classes)
        return {} if names is None else {"class": names}

    def splits(self, columns: Any) -> dict[str, list[np.ndarray]]:
        return {}

    def whole(self, signature: Signature) -> bytes:
        """The graph from the signature's inputs to its outputs."""
        graph, exported = Graph(), self.exported
        if exported.columns is None:
            matrix = graph.boundary(self.block.emit(graph), signature)
            inputs = {self.session.get_inputs()[0].name: matrix}
        else:
            inputs = {column.tensor: column.tensor for column in exported.columns}
        answer = graph.cast_float(graph.splice(exported.model, inputs, exported.answer))
        answer = graph.add("Reshape", [answer, graph.constant(np.array([-1, self.wide], np.int64))])
        if self.logits and self.task.classifies:
            answer = (
                graph.add("Sigmoid", [answer]) if self.wide == 1 else graph.add("Softmax", [answer], axis=1)
            )
        if self.plan.aim.width == 1 and self.wide > 1:
            answer = graph.add(
                "Gather", [answer, graph.constant(np.array([self.wide - 1], np.int64))], axis=1
            )
        try:
            return graph.model(outputs.emit(graph, answer, self.task, self.plan.aim.classes), signature)
        except onnx.checker.ValidationError as error:
            refuse(f"It is no valid graph: {str(error)[:500]}", "Export with opset_version=17.")


def _softmax(raw: np.ndarray) -> np.ndarray:
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _repeats(core: _Core, told: CodeExport, laid: Laid) -> None:
    """The graph answers the first rows as the trained model did."""
    first = np.arange(0, laid.frame.rows, told.every)[: len(told.answers)]
    rows = len(first)
    expected = np.array(
        [[np.nan if cell is None else cell for cell in row] for row in told.answers[:rows]], float
    )
    raw = core.raw(core.feeds(laid.frame.take(first), laid.matrix[first]))
    if expected.ndim != 2 or expected.shape[1] != core.wide:
        refuse(
            f"The code handed over {expected.shape[-1]} numbers a row, the graph answers with {core.wide}.",
            "Hand over what the model answers for the first rows, in the form of the graph's output.",
        )
    unit = core.task.scale(core.plan.table.target) if not core.task.classifies else 1 + np.abs(expected)
    off = np.abs(raw - expected) / unit
    bad = np.flatnonzero(~(np.where(np.isnan(raw) & np.isnan(expected), 0, off) <= TOLERANCE).all(axis=1))
    if len(bad):
        shown = "; ".join(
            f"row {first[row]}: {_some(expected[row])}, the graph {_some(raw[row])}" for row in bad[:SHOWN]
        )
        refuse(
            f"Of {rows} rows that the code handed over, {len(bad)} differ. Its model says for {shown}.",
            "Export the model that gave the answers, in evaluation mode, and hand over its answers for the first rows "
            "in their order.",
        )


def _some(values: np.ndarray) -> str:
    return ", ".join(f"{value:.6g}" for value in values[:SHOWN])


def _fits(core: _Core) -> None:
    """As many numbers a row as the task has."""
    width = core.plan.aim.width
    allowed = {1, 2} if core.task.classifies and width == 1 else {width}
    if core.wide not in allowed:
        wanted = " or ".join(map(str, sorted(allowed)))
        refuse(
            f"It answers with {core.wide} numbers a row.", f"A {core.task.name} model answers with {wanted}."
        )


def _answers_rows(core: _Core, frame: Frame) -> None:
    """Every row of the training data gets a number; of classes, probabilities."""
    some = frame.take(np.unique(np.linspace(0, frame.rows - 1, parity.REAL).astype(int)))
    raw = core.raw(core.feeds(some))
    _fits(core)
    silent = np.flatnonzero(~np.isfinite(raw).all(axis=1))
    if len(silent):
        missing = [column.name for column in frame.columns if _is_missing(some, column)[silent[0]]]
        where = f", of which one has no {', '.join(missing[:5])}" if missing else ""
        refuse(
            f"It answers {len(silent)} of {some.rows} training rows with no number{where}.",
            "Fill what is missing inside the graph, or train on job.matrix(), which does.",
        )
    if not core.task.classifies or core.logits:
        return
    wrong = (raw < -SUM) | (raw > 1 + SUM)
    off = wrong.any(axis=1) | ((np.abs(raw.sum(axis=1) - 1) > SUM) & (core.wide > 1))
    if off.any():
        row = int(np.flatnonzero(off)[0])
        refuse(
            f"Its answers are no probabilities (a training row gets {_some(raw[row])}).",
            "Export with job.export(…, logits=True), or end the graph with a sigmoid or softmax.",
        )


def _is_missing(frame: Frame, column: Column) -> np.ndarray:
    values = frame.values[column.name]
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(frame.rows, bool)
