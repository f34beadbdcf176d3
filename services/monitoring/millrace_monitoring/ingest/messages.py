"""Reads the messages of the Open Inference Protocol over gRPC into the columns that the same tensors have over REST.

A message is told as the JSON head that would say the same, and its raw contents as the bytes behind that head: so there
is one place that knows what a tensor is kept as.
"""

from functools import lru_cache
from typing import Any

from millrace_core import open_inference
from millrace_monitoring.ingest import bodies, layouts
from millrace_monitoring.ingest.bodies import Columns
from millrace_monitoring.ingest.layouts import LONGEST, REMEMBERED, Layout
from millrace_monitoring.ingest.tensors import Undecodable


def columns(body: bytes, side: str) -> Columns:
    """The tensors of one message, as `bodies.columns` has them of a body. Raises: Undecodable."""
    try:
        message, raw = open_inference.parsed(body, side)
        layout = _layout(message, side, tuple(map(len, raw)))
        return bodies.cut(layout, b"".join(raw), 0)
    except Undecodable:
        raise
    except bodies.FAULTS as error:
        raise Undecodable(f"{type(error).__name__}: {error}") from error


def _layout(message: Any, side: str, sizes: tuple[int, ...]) -> Layout:
    """A client sends the same tensors again and again: what they are is worked out once."""
    if sizes:
        message.ClearField(open_inference.RAW[side])
        message.ClearField("id")
        head = message.SerializeToString(deterministic=True)
        if len(head) <= LONGEST:
            return _remembered(head, side, sizes)
    return layouts.drawn(open_inference.head(message, side, sizes), side)


@lru_cache(REMEMBERED)
def _remembered(head: bytes, side: str, sizes: tuple[int, ...]) -> Layout:
    message, _ = open_inference.parsed(head, side)
    return layouts.drawn(open_inference.head(message, side, sizes), side)
