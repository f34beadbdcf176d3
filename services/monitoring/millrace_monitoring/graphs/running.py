"""Model graphs by digest: ready to run, and run in batch."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Mapping
from math import prod
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from millrace_monitoring.graphs.files import FetchedFiles

SESSIONS = 48
"""Graphs kept ready to run."""
TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(string)": object,
}
MISSING = {
    "tensor(float)": np.nan,
    "tensor(double)": np.nan,
    "tensor(int64)": np.iinfo(np.int64).min,
    "tensor(string)": "",
}


class Graphs:
    """ONNX graphs ready to run, each in one thread; the least used one is dropped, unless somebody holds it."""

    def __init__(self, files: FetchedFiles) -> None:
        self._files = files
        self._sessions: OrderedDict[str, Any] = OrderedDict()
        self._held: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._lock = threading.Lock()

    async def load(self, project: str, digest: str) -> None:
        """Make a graph of the project's ready (errors as of FetchedFiles.read; ValueError if it is no graph)."""
        session = self.held(digest)
        if session is None:
            session = await asyncio.to_thread(_session, await self._files.read(project, digest))
        with self._lock:
            self._sessions[digest] = self._held[digest] = session
            self._sessions.move_to_end(digest)
            while len(self._sessions) > SESSIONS:
                self._sessions.popitem(last=False)

    def held(self, digest: str) -> Any:
        """A loaded graph: it stays ready as long as somebody has it; None if it is not loaded."""
        with self._lock:
            return self._held.get(digest)

    def score(self, digest: str, columns: dict[str, np.ndarray], rows: int, width: int = 1) -> np.ndarray:
        """Run a loaded graph on a batch (CPU work: in a thread).

        Args:
            columns: values of shape (rows,) by tensor name; a tensor that is not there is missing in every row.
            width: numbers in one answer.
        Returns: float64 of shape (rows,), or (rows, width) for vectors; NaN where the graph answers NaN, and
            everywhere if its answers have another width.
        """
        shape = (rows,) if width == 1 else (rows, width)
        if rows == 0:
            return np.empty(shape)
        return self.answers(self._held[digest], columns, rows, width)

    @staticmethod
    def session(data: bytes) -> Any:
        """A graph ready to run in one thread. Raises: ValueError if it is none."""
        return _session(data)

    @staticmethod
    def feeds(session: Any, columns: Mapping[str, np.ndarray], rows: int) -> dict[str, np.ndarray]:
        """What a session takes for so many rows; a tensor that is not there is missing in every row."""
        return {item.name: _feed(item, columns, rows) for item in session.get_inputs()}

    @staticmethod
    def answers(session: Any, columns: Mapping[str, np.ndarray], rows: int, width: int) -> np.ndarray:
        """The first output of a session for a batch, in the shape that `score` says."""
        shape = (rows,) if width == 1 else (rows, width)
        first = session.get_outputs()[0].name
        feeds = Graphs.feeds(session, columns, rows)
        answer = np.asarray(session.run([first], feeds)[0], dtype=np.float64).reshape(rows, -1)
        if width == 1:
            return np.asarray(answer[:, -1])
        return answer if answer.shape == shape else np.full(shape, np.nan)


def _session(data: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ValueError(f"not a graph that can run ({type(error).__name__})") from error


def _feed(item: Any, columns: Mapping[str, np.ndarray], rows: int) -> np.ndarray:
    values = columns.get(item.name)
    dims = [length if isinstance(length, int) else 1 for length in item.shape[1:]] or [1]
    if values is None or values.size != rows * prod(dims):
        return np.full((rows, *dims), MISSING[item.type], dtype=TYPES[item.type])
    return values.astype(TYPES[item.type]).reshape(rows, *dims)
