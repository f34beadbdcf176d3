"""Runs an ONNX graph as serving does: onnxruntime, one thread."""

from typing import Any

import numpy as np

from millrace_training.features.frame import Frame

ROWS = 16_384


def open_session(graph: bytes) -> Any:
    """A session with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def predict(session: Any, frame: Frame, batch: int = ROWS) -> np.ndarray:
    """The graph's answers, float64 (rows,), in batches."""
    feeds = frame.feeds()
    parts = []
    for begin in range(0, frame.rows, batch):
        part = {name: values[begin : begin + batch] for name, values in feeds.items()}
        parts.append(np.asarray(session.run(None, part)[0], np.float64).reshape(-1))
    return np.concatenate(parts) if parts else np.empty(0)
