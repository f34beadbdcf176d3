"""Sends the days of a history as production would see them: rows without their labels, and the labels when known."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from millrace.client import Millrace
from millrace_contracts import durations
from millrace_contracts.labels import LabelWrite
from millrace_contracts.loop import Spec
from millrace_contracts.monitors import MonitorRead
from millrace_contracts.signature import Signature
from millrace_replay.history import Day, History, at
from millrace_table.pieces import Rows

BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
ROWS, BYTES = 100_000, 16 * 2**20
"""What is sent at once has at the most; a day with more goes in parts. Monitoring takes 500,000 rows at once, and no
more than its queue has room for."""
SAMPLE = 1000


class Sender:
    """Sends each day's rows once to the monitor of one loop, and its labels.

    Args:
        table: all rows of the history, typed; signature: what the loop's model takes.
        first: the place of the first row that is replayed.
        before: where a replay that was killed came to.
    """

    def __init__(
        self,
        client: Millrace,
        loop: str,
        spec: Spec,
        history: History,
        table: Rows,
        signature: Signature,
        first: int = 0,
        before: MonitorRead | None = None,
    ) -> None:
        self._client, self._loop, self._history = client, loop, history
        self._table, self._signature = table, signature
        self._delay = durations.parse(spec.data.label_delay)
        self._rows = 0 if before is None else _behind(history.times, first, before)

    def many(self, days: Sequence[Day]) -> int:
        """How many of these days one may send together; one at the least."""
        rows = np.cumsum([len(day.rows) for day in days])
        places = next((day.rows for day in days if len(day.rows)), None)
        most = ROWS if places is None else self._most(places)
        return max(1, int(np.searchsorted(rows, most, side="right")))

    def _most(self, places: np.ndarray) -> int:
        """Rows that may be sent together, by the width of the first ones; one at the least."""
        rows = table_of(places[:SAMPLE], self._table, self._signature, self._history.times)
        return max(1, min(ROWS, int(BYTES * len(rows) / rows.nbytes)))

    def rows(self, days: Sequence[Day]) -> None:
        """Send the rows of days that follow one another; those that are there already are not sent again."""
        places = np.concatenate([day.rows for day in days]).astype(np.int64)
        new = places[places >= self._rows]
        most = self._most(new) if len(new) else ROWS
        for begin in range(0, len(new), most):
            part = new[begin : begin + most]
            body = rows_of(part, self._table, self._signature, self._history.times)
            self._client.monitoring.push_rows(self._loop, body)
            self._rows = int(part[-1]) + 1

    def labels(self, days: Sequence[Day], through: datetime | None) -> None:
        """Send the labels of days; *through*: all events before it are labelled, and their days may close."""
        labels = [label for day in days for label in self._labels(day)]
        if labels or through is not None:
            self._client.monitoring.push_labels(self._loop, labels, complete_through=through)

    def _labels(self, day: Day) -> list[LabelWrite]:
        known, values = day.end + self._delay, self._history.labels.take(pa.array(day.rows)).to_pylist()
        return [
            LabelWrite(request_id=f"row-{place}", index=0, value=value, at=known)
            for place, value in zip(day.rows.tolist(), values, strict=True)
        ]


def _behind(times: np.ndarray, first: int, monitor: MonitorRead) -> int:
    """The first row that the *monitor* lacks, by the times of all rows in microseconds.

    It is behind the newest instant, or within it: of rows that happened at once a part may have been sent, so these are
    told by their count.
    """
    if monitor.event_time_max is None:
        return 0
    newest = (monitor.event_time_max - BEGIN) // timedelta(microseconds=1)
    earliest, behind = (int(np.searchsorted(times, newest, side=side)) for side in ("left", "right"))
    return max(earliest, min(first + monitor.counts.logged, behind))


def rows_of(places: np.ndarray, table: Rows, signature: Signature, times: np.ndarray) -> bytes:
    """The features of rows that follow one another as an Arrow IPC stream, by tensor name."""
    rows = table_of(places, table, signature, times)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue()


def table_of(places: np.ndarray, table: Rows, signature: Signature, times: np.ndarray) -> pa.Table:
    """The same as a table."""
    part = at(table, places)
    moments = pa.array(times[places], pa.int64()).cast(pa.timestamp("us", "UTC"))
    data = {
        "request_id": pa.array([f"row-{place}" for place in places.tolist()]),
        "index": pa.array(np.zeros(len(places), np.int32)),
        "event_time": moments,
    } | {tensor.name: part.column(tensor.column) for tensor in signature.inputs}
    return pa.table(data)
