"""Runs an ONNX graph as serving does: onnxruntime, one thread."""

from typing import Any, Protocol

import numpy as np

ROWS = 16_384
BITS = {"tensor(float)": np.float32, "tensor(double)": np.float64}


class Rows(Protocol):
    """Rows that a graph can be asked about."""

    @property
    def rows(self) -> int:
        """How many."""

    def feeds(self) -> dict[str, np.ndarray]:
        """Arrays of shape (rows, 1) by input name."""


def open_session(graph: bytes) -> Any:
    """A session with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def predict(session: Any, rows: Rows, batch: int = ROWS) -> np.ndarray:
    """The graph's first output, in batches: float64 (rows,), or (rows, width) if an answer is a vector."""
    return _numbers(_run(session, rows, batch, [session.get_outputs()[0].name])[0])


def answers(session: Any, rows: Rows, batch: int = ROWS) -> dict[str, np.ndarray]:
    """Every output by name: numbers as `predict` gives them, texts as an object array (rows,)."""
    names = [output.name for output in session.get_outputs()]
    return {
        name: values.reshape(-1) if values.dtype == object else _numbers(values)
        for name, values in zip(names, _run(session, rows, batch, names), strict=True)
    }


def _run(session: Any, rows: Rows, batch: int, names: list[str]) -> list[np.ndarray]:
    feeds = in_its_bits(session, rows.feeds())
    parts = []
    for begin in range(0, max(rows.rows, 1), batch):
        part = {name: values[begin : begin + batch] for name, values in feeds.items()}
        parts.append(session.run(names, part))
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def in_its_bits(session: Any, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Numbers in the bits that the graph takes them in: an older graph may know fewer of them."""
    wanted = {item.name: BITS.get(item.type) for item in session.get_inputs()}
    return {
        name: values.astype(kind, copy=False) if (kind := wanted.get(name)) is not None else values
        for name, values in feeds.items()
    }


def _numbers(values: np.ndarray) -> np.ndarray:
    numbers = np.asarray(values, np.float64)
    return numbers.reshape(-1) if numbers.ndim == 1 or numbers.shape[1] == 1 else numbers
