"""Streams lines to a loop: cut into batches that may be sent again, and as fast as the platform takes them."""

import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from millrace.client import Millrace
from millrace_contracts.streams import StreamRead

IDLE_SECONDS = 1.0
"""A batch that is not full is sent when no line has come for so long."""
WAITING = 10_000
"""Lines that are read ahead; then whoever writes them waits."""
LOOK_SECONDS = 0.5
Lines = queue.Queue[bytes | Exception | None]


@dataclass
class Streamed:
    """What was sent so far."""

    rows: int = 0
    batches: int = 0
    unreadable: int = 0
    repeated: int = 0
    last_number: int = 0


def stream(
    client: Millrace,
    loop: str,
    lines: Iterable[bytes],
    *,
    batch: int = 1000,
    key: str | None = None,
    told: Callable[[Streamed], None] = lambda _: None,
) -> Streamed:
    """Send *lines* of JSON, *batch* of them at a time; every row is kept when this returns, each once.

    Args:
        key: begins the key of every batch. With the same key, lines and batch size, all may be sent again after a
            failure; without one each call has its own.
        told: is called after each batch.
    Raises: ApiError; what *lines* raise, once the rows before it are kept.
    """
    begin, sent = key or uuid.uuid4().hex, Streamed()
    for rows in batches(lines, batch):
        answer = client.training.stream_rows(loop, b"".join(rows), f"{begin}-{sent.batches + 1}")
        sent.batches += 1
        sent.rows += answer.rows
        sent.unreadable += answer.unreadable
        sent.repeated += answer.rows if answer.repeated else 0
        sent.last_number = max(sent.last_number, answer.number)
        told(sent)
    return sent


def deliver(
    client: Millrace, loop: str, number: int, progress: Callable[[StreamRead], None] = lambda _: None
) -> StreamRead:
    """Have everything up to the batch *number* delivered, and wait until it is. Raises: ApiError."""
    stands = client.training.deliver_stream(loop)
    while stands.settled_number < number:
        progress(stands)
        time.sleep(LOOK_SECONDS)
        stands = client.training.stream(loop)
    client.controller.wake(loop)
    return stands


def batches(lines: Iterable[bytes], size: int, idle: float = IDLE_SECONDS) -> Iterator[list[bytes]]:
    """Lists of *size* lines with their ends; shorter ones at the end, and when no line comes for *idle* seconds."""
    waiting: Lines = queue.Queue(WAITING)
    threading.Thread(target=_read, args=(lines, waiting), daemon=True).start()
    rows: list[bytes] = []
    while True:
        try:
            line = waiting.get(timeout=idle if rows else None)
        except queue.Empty:
            line = b""
        if isinstance(line, bytes) and line:
            rows.append(line)
            if len(rows) < size:
                continue
        if rows:
            yield rows
            rows = []
        if isinstance(line, Exception):
            raise line
        if line is None:
            return


def _read(lines: Iterable[bytes], waiting: Lines) -> None:
    """Hand on every line that is not blank, and behind the last one None, or what kept more from being read."""
    try:
        for line in lines:
            if line.strip():
                waiting.put(line if line.endswith(b"\n") else line + b"\n")
    except Exception as error:
        waiting.put(error)
    else:
        waiting.put(None)
