"""One graph in onnxruntime for all peers; it imports nothing but what is in each of their environments."""

import os

import numpy as np
import onnxruntime

ENVIRONMENT = "BENCH_GRAPH"
"""Variable that says where the graph lies."""


class Graph:
    """Rows in, the probability of each out; one thread, as everywhere in this benchmark."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = os.environ[ENVIRONMENT]
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.names = [item.name for item in self._session.get_inputs()]

    def rows(self, rows: list[dict[str, float]]) -> list[float]:
        """*rows* are objects by column."""
        return self.values(np.array([[row[name] for name in self.names] for row in rows], np.float32))

    def values(self, values: np.ndarray) -> list[float]:
        """*values*: float32 of shape (rows, columns) in the order of the graph."""
        feeds = {name: values[:, place : place + 1] for place, name in enumerate(self.names)}
        return self._session.run(["probability"], feeds)[0].ravel().tolist()
