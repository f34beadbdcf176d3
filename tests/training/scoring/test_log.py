"""Answers that are logged are rows of the prediction log like any other, by the monitoring service's own reading."""

import io
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from tests.training.scoring.examples import SIGNATURE, Registry, table

from millrace_contracts.monitors import MonitorWrite
from millrace_monitoring.ingest import arrow
from millrace_training.runtime.errors import JobError


class Monitoring:
    """Reads what is pushed as the service does."""

    def __init__(self):
        self.pushed = []

    def push_rows(self, endpoint, rows):
        assert endpoint == "shop"
        self.pushed.append(pa.ipc.open_stream(io.BytesIO(rows)).read_all())


def asked(registry, rows, **log):
    sink = io.BytesIO()
    parquet.write_table(rows, sink, row_group_size=100)
    source = {"digest": registry.keep(sink.getvalue()), "name": "may.parquet", "format": "parquet"}
    to = {"endpoint": "shop", "revision": "shop--r2"} | log
    return {"model": "shop", "version": 3, "files": [source], "output": "parquet", "log": to}


def test_every_answered_row_is_logged_once_under_its_key(score):
    registry, monitoring, rows = Registry(), Monitoring(), table(250)
    spec = asked(registry, rows, event_time="sold at")
    result = score(registry, spec, monitoring=monitoring)
    logged = pa.concat_tables(monitoring.pushed)
    written = parquet.read_table(pa.BufferReader(registry.store[result.files[0].digest]))
    answered = [row for row in written.to_pylist() if row["prediction"] is not None]
    assert len(logged) == result.answered == len(answered)
    for row, answer in zip(logged.to_pylist(), answered, strict=True):
        assert {name: row[name] for name in ("request_id", "index", "prediction")} == {
            name: answer[name] for name in ("request_id", "index", "prediction")
        }
        assert (row["event_time"], row["revision"]) == (answer["sold at"], "shop--r2")
        assert (row["shop"], row["sold at"]) == (answer["shop"], answer["sold at"])


def test_the_monitoring_service_takes_what_is_logged(score, monitor):
    registry, monitoring = Registry(), Monitoring()
    score(
        registry,
        asked(registry, table(20), at=datetime(2030, 5, 1, tzinfo=UTC).isoformat()),
        monitoring=monitoring,
    )
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, monitoring.pushed[0].schema) as writer:
        writer.write_table(monitoring.pushed[0])
    segment = arrow.of_stream("default", "shop", sink.getvalue(), monitor)
    assert len(segment.table) == len(monitoring.pushed[0])


@pytest.fixture
def monitor():
    champion = {"version": 3, "revision": "shop--r2", "files": {"model.onnx": "sha256:" + "0" * 64}}
    return MonitorWrite.model_validate(
        {"loop": "shop", "task": "regression", "target": "y", "signature": SIGNATURE, "champion": champion}
    )


def test_rows_without_a_time_are_refused_before_anything_is_scored(score):
    registry = Registry()
    with pytest.raises(JobError, match="when the rows happened"):
        score(registry, asked(registry, table(20)), monitoring=Monitoring())
    with pytest.raises(JobError, match="no column 'when'"):
        score(registry, asked(registry, table(20), event_time="when"), "other", monitoring=Monitoring())
