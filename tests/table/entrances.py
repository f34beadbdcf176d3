"""Every entrance that rows and labels have, as functions from a table to what comes out of it."""

import csv
import io
import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
from hypothesis import strategies as st

from millrace import labels, oip
from millrace_contracts.data import ColumnContract, DataContract
from millrace_contracts.logged import LoggedRow
from millrace_contracts.monitors import ChampionVersion, MonitorWrite
from millrace_contracts.signature import Input, Output, Signature
from millrace_contracts.tables import Dialect
from millrace_monitoring.closing import files
from millrace_monitoring.closing import rows as closing
from millrace_monitoring.feedback import export
from millrace_monitoring.ingest import arrow, backfill, bodies, tensors
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.ingest.segments import Segment
from millrace_monitoring.labels import sorting
from millrace_monitoring.labels.reading import Reader
from millrace_monitoring.monitors.watermark import day_of
from millrace_replay import outcome
from millrace_serving.predictions import asking
from millrace_serving.predictions import rows as slow
from millrace_serving.predictions.packing import Packer
from millrace_table import columns, reading, rows
from millrace_training.features.columns import columns_from_signature
from millrace_training.features.frame import from_arrow
from millrace_training.rows import checks
from millrace_training.scoring import part
from millrace_training.scoring.columns import Stamp
from millrace_training.scoring.sources import Stretch

ZONE = "Europe/Berlin"
TYPES = {"size": "number", "meter": "number", "word": "string", "flag": "boolean", "at": "timestamp"}
KINDS = {
    "size": ("number", "FP32"),
    "meter": ("number", "FP64"),
    "word": ("category", "BYTES"),
    "flag": ("boolean", "FP32"),
    "at": ("timestamp", "INT64"),
}
WRITTEN = Dialect(
    delimiter=",", quote='"', escape='"', encoding="utf-8", header_line=1, comment="", decimal=".", thousands="",
    missing=["NA", "null"],
)  # fmt: skip
CONTRACT = DataContract(
    columns=[ColumnContract(name=name, type=type) for name, type in TYPES.items()], dialect=WRITTEN
)
SIGNATURE = Signature(
    inputs=[Input(name=name, column=name, kind=kind, datatype=form) for name, (kind, form) in KINDS.items()],
    outputs=[Output(name="prediction", datatype="FP32")],
    task="regression",
    timezone=ZONE,
    missing=["NA", "null"],
)
PACKER = Packer(SIGNATURE)
MONITOR = MonitorWrite(
    loop="shop",
    task="regression",
    target="y",
    timezone=ZONE,
    signature=SIGNATURE,
    champion=ChampionVersion(version=1, files={"model.onnx": "sha256:" + "0" * 64}),
)
LETTERS = st.characters(
    min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")
)
ODD = [
    "NA",
    "null",
    "1.10",
    "1E5",
    "true",
    "2024-03-01",
    "01",
    " padded ",
    "a,b",
    'with "quotes"',
    "NaN",
    "-0",
    "inf",
]
ROWS = st.lists(
    st.tuples(
        st.none() | st.floats(-1e30, 1e30, allow_nan=False) | st.integers(-(2**53), 2**53).map(float),
        st.none() | st.floats(-1e30, 1e30) | st.integers(1_700_000_000, 2**53).map(float),
        st.none() | st.sampled_from(ODD) | st.text(LETTERS, min_size=1, max_size=6),
        st.none() | st.booleans(),
        st.none()
        | st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)).map(lambda at: at.replace(microsecond=0)),
    ),
    min_size=1,
    max_size=8,
)


def as_csv(table: list[tuple]) -> bytes:
    file = io.StringIO()
    lines = csv.writer(file, quoting=csv.QUOTE_ALL)
    lines.writerow(TYPES)
    lines.writerows([["" if cell is None else str(cell) for cell in row] for row in table])
    return file.getvalue().encode()


def as_json(table: list[tuple]) -> list[dict]:
    return [
        {
            name: str(cell) if isinstance(cell, datetime) else cell
            for name, cell in zip(TYPES, row, strict=True)
        }
        for row in table
    ]


def as_jsonl(table: list[tuple]) -> bytes:
    return "\n".join(json.dumps(row) for row in as_json(table)).encode()


def as_parquet(table: list[tuple]) -> bytes:
    kinds = (pa.float64(), pa.float64(), pa.string(), pa.bool_(), pa.timestamp("ms"))
    cells = zip(*table, strict=True)
    file = io.BytesIO()
    made = {name: pa.array(column, kind) for name, column, kind in zip(TYPES, cells, kinds, strict=True)}
    parquet.write_table(pa.table(made), file)
    return file.getvalue()


FILES = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet}


Tensors = dict[str, np.ndarray]


def raw(data: bytes, format: str) -> pa.Table:
    """The cells of a file as they came."""
    return reading.load(data, format, WRITTEN, list(TYPES)).table


def typed(came: pa.Table) -> pa.Table:
    """The rows of a version of the dataset, by the contract."""
    made = {
        name: columns.convert(came.column(name), type, ZONE, name, CONTRACT.dialect)
        for name, type in TYPES.items()
    }
    assert not any(column.bad.any() for column in made.values())
    return pa.table({name: column.values for name, column in made.items()})


def flat(feeds: Tensors) -> Tensors:
    return {name: np.ravel(values) for name, values in feeds.items()}


def learnt(came: pa.Table) -> Tensors:
    """What training sees of a delivery, by tensor."""
    return flat(from_arrow(typed(came), columns_from_signature(SIGNATURE)).feeds())


def delivered(came: pa.Table) -> Tensors:
    """The same of a delivery that is held to the contract first, as every push and source is."""
    kept = checks.check(came, CONTRACT, ZONE).table
    return flat(from_arrow(kept, columns_from_signature(SIGNATURE)).feeds())


def scored(came: pa.Table) -> Tensors:
    """What `millrace score` asks the graph."""
    nowhere, stamp = Path("none"), Stamp(1, "r")
    stretch = Stretch(0, 0, nowhere, [0], 0)
    work = part.Work(stretch, nowhere, "", ZONE, WRITTEN, [], stamp, {}, True)
    said = part.typed(came, SIGNATURE, work)
    assert not any(column.bad.any() for column in said.values())
    table = pa.table({name: column.values for name, column in said.items()})
    return flat(from_arrow(table, columns_from_signature(SIGNATURE)).feeds())


def replayed(came: pa.Table) -> Tensors:
    """What a backtest asks the graph of a version's rows."""
    return flat(outcome.feed(typed(came), SIGNATURE))


def asked(table: list[dict]) -> dict[str, np.ndarray]:
    """What the model is asked when these rows are predicted."""
    packed = PACKER.pack(table)
    assert packed is not None
    return {name: values for name, (_, values) in asking.columns(packed).items()}


def looked_at(table: list[dict]) -> dict[str, np.ndarray]:
    """The same, cell by cell, as rows are read in which something is wrong."""
    return {name: values for name, (_, values) in slow.columns(table, SIGNATURE).items()}


def from_file(data: bytes, format: str) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"rows.{format}")
        path.write_bytes(data)
        return rows_of(path, SIGNATURE, WRITTEN).rows


@dataclass(frozen=True)
class FileRows:
    """All rows of a file for predict, when each happened, and what else the file holds."""

    rows: list[dict]
    times: list[datetime | None]
    unused: list[str]


def rows_of(path: Path, signature: Signature, dialect: Dialect | None = None, event_time: str | None = None):
    """A file as `millrace predict` reads it, whole."""
    with rows.opened(path, signature, dialect, event_time) as asked:
        given = list(asked)
        assert len(given) == len(asked)
    return FileRows([row for row, _ in given], [time for _, time in given], asked.unused)


MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
FORMS = {
    "FP32": ("number", np.nan),
    "FP64": ("exact", np.nan),
    "BYTES": ("text", ""),
    "INT64": ("integer", np.iinfo(np.int64).min),
}


def log(table: list[dict]) -> Segment:
    """Rows that come over REST into the prediction log."""
    sent = [
        LoggedRow(request_id=f"r{place}", event_time=MOMENT, features=row, prediction=0.0)
        for place, row in enumerate(table)
    ]
    return backfill.of_rows("default", "shop", sent, MONITOR)


def log_of_arrow(table: pa.Table) -> Segment:
    """Rows of a dataset that a backtest sends into the prediction log."""
    rows = len(table)
    told = {
        "request_id": pa.array([f"r{place}" for place in range(rows)]),
        "index": pa.array([0] * rows, pa.int32()),
        "event_time": pa.array([MOMENT] * rows, pa.timestamp("us", "UTC")),
    }
    features = {name: table.column(name) for name in table.column_names}
    sent = pa.table(told | features)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, sent.schema) as writer:
        writer.write_table(sent)
    return arrow.of_stream("default", "shop", sink.getvalue().to_pybytes(), MONITOR)


def kept(segment: Segment) -> Tensors:
    """What the log keeps, with the marks for missing that tensors have."""
    held = {}
    for item in SIGNATURE.inputs:
        kind, missing = FORMS[item.datatype]
        held[item.name] = np.asarray(segment.table[f"{kind}:{item.name}"].fill_null(missing))
    return held


def as_binary(feeds: Tensors) -> tuple[bytes, int]:
    """An Open Inference request of bytes, and the length of its head."""
    forms = {item.name: item.datatype for item in SIGNATURE.inputs}
    body, head = oip.encode({name: (forms[name], values) for name, values in feeds.items()})
    return body, int(head[oip.HEADER_LENGTH])


def as_packed(feeds: Tensors) -> tuple[bytes, int]:
    """The same request with all columns of a datatype in one tensor, and the length of its head."""
    forms = {item.name: item.datatype for item in SIGNATURE.inputs}
    body, head = oip.pack({name: (forms[name], values) for name, values in feeds.items()})
    return body, int(head[oip.HEADER_LENGTH])


def as_tensors(feeds: Tensors) -> bytes:
    """The same request as JSON, NaN as Python writes it."""
    inputs = [
        {
            "name": item.name,
            "datatype": item.datatype,
            "shape": [len(feeds[item.name]), 1],
            "data": feeds[item.name].tolist(),
        }
        for item in SIGNATURE.inputs
    ]
    return json.dumps({"inputs": inputs}).encode()


def received(body: bytes, head: int | None) -> Tensors:
    """What is kept of an Open Inference request."""
    came = bodies.columns(body, head, "inputs")
    held = {}
    for name, values in zip(came.names, came.values, strict=True):
        kind, _, tensor = name.partition(":")
        text = isinstance(values, list)
        held[tensor] = np.array(values, dtype=object) if text else tensors.numbers(kind, values)
    return held


def fed_back(segment: Segment, truths: list[sorting.Truth]) -> tuple[Tensors, list[float]]:
    """What training sees of a closed day of the log that comes back as feedback: features, and the target."""
    answers = Answers.of(MONITOR.task, SIGNATURE)
    day = day_of(MOMENT, ZoneInfo(ZONE))
    closed = closing.of_day([segment.table], day, SIGNATURE.inputs, answers, None, truths)
    data = export.of_days([files.parquet(closed.table)], MONITOR)
    target = parquet.read_table(io.BytesIO(data)).column("y").to_pylist()
    return learnt(raw(data, "parquet")), target


def stored(values: list[float], written: str) -> list[sorting.Truth]:
    """Labels as they are stored, from a CSV or JSON lines file, or as they are sent."""
    lines = [{"request_id": f"r{place}", "value": value} for place, value in enumerate(values)]
    if written == "rest":
        at = MOMENT + timedelta(days=1)
        given = [labels.LabelWrite(at=at, **line) for line in lines]
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"labels.{written}")
            text = "\n".join(json.dumps(line) for line in lines)
            if written == "csv":
                text = "\n".join(
                    ["request_id,value", *(f"{line['request_id']},{line['value']!r}" for line in lines)]
                )
            path.write_text(text)
            given = labels.read(path)
    said = Reader(Answers.of(MONITOR.task, SIGNATURE), None).read(label.value for label in given)
    read = sorting.sort(given, said, {})
    assert read.refused == 0
    return read.truths
