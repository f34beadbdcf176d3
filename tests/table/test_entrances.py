"""One value, one meaning: a random table gives the same tensors, bit for bit, through every entrance."""

import csv
import io
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace_contracts.data import ColumnContract, DataContract
from millrace_contracts.logged import LoggedRow
from millrace_contracts.monitors import ChampionVersion, MonitorWrite
from millrace_contracts.signature import Input, Output, Signature
from millrace_contracts.tables import Dialect
from millrace_monitoring.ingest import backfill
from millrace_serving.predictions import rows as asking
from millrace_stats import tasks
from millrace_table import columns, reading, rows
from millrace_training.features.columns import columns_from_signature
from millrace_training.features.frame import from_arrow

ZONE = "Europe/Berlin"
TYPES = {"size": "number", "word": "string", "flag": "boolean", "at": "timestamp"}
KINDS = {"size": ("number", "FP32"), "word": ("category", "BYTES"), "flag": ("boolean", "FP32")} | {
    "at": ("timestamp", "INT64")
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
MONITOR = MonitorWrite(
    loop="shop",
    task="regression",
    target="y",
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
    kinds = (pa.float64(), pa.string(), pa.bool_(), pa.timestamp("ms"))
    cells = zip(*table, strict=True)
    file = io.BytesIO()
    made = {name: pa.array(column, kind) for name, column, kind in zip(TYPES, cells, kinds, strict=True)}
    parquet.write_table(pa.table(made), file)
    return file.getvalue()


FILES = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet}


def learnt(data: bytes, format: str) -> dict[str, np.ndarray]:
    """What training sees of a delivery, by tensor."""
    raw = reading.load(data, format, WRITTEN, list(TYPES)).table
    typed = {
        name: columns.convert(raw.column(name), type, ZONE, name, CONTRACT.dialect)
        for name, type in TYPES.items()
    }
    assert not any(column.bad.any() for column in typed.values())
    frame = from_arrow(
        pa.table({name: column.values for name, column in typed.items()}), columns_from_signature(SIGNATURE)
    )
    return {name: values.ravel() for name, values in frame.feeds().items()}


def asked(table: list[dict]) -> dict[str, np.ndarray]:
    """What the model is asked when these rows are predicted."""
    return {name: values for name, (_, values) in asking.columns(table, SIGNATURE).items()}


def from_file(data: bytes, format: str) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"rows.{format}")
        path.write_bytes(data)
        return rows.read(path, SIGNATURE, WRITTEN).rows


def logged(table: list[dict]) -> dict[str, np.ndarray]:
    """What the prediction log keeps of rows that come over REST, with the marks that tensors have."""
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    sent = [
        LoggedRow(request_id=f"r{place}", event_time=moment, features=row) for place, row in enumerate(table)
    ]
    kept = backfill.of_rows("default", "shop", sent, MONITOR).table
    forms = {"FP32": ("number", np.nan), "BYTES": ("text", ""), "INT64": ("integer", np.iinfo(np.int64).min)}
    return {
        item.name: np.asarray(
            kept[f"{forms[item.datatype][0]}:{item.name}"].fill_null(forms[item.datatype][1])
        )
        for item in SIGNATURE.inputs
    }


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert (
            values.tolist() == pytest.approx(second[name].tolist(), rel=0, abs=0, nan_ok=True)
            if (values.dtype.kind == "f")
            else values.tolist() == second[name].tolist()
        ), name


@settings(max_examples=8, deadline=None)
@given(ROWS)
def test_a_table_means_the_same_in_files_requests_and_the_log(table):
    expected = learnt(as_parquet(table), "parquet")
    for format, written in FILES.items():
        data = written(table)
        same(learnt(data, format), expected)
        same(asked(from_file(data, format)), expected)
    same(asked(as_json(table)), expected)
    same(logged(as_json(table)), expected)


@pytest.mark.parametrize(
    ("task", "classes", "alike", "refused"),
    [
        ("binary", (False, True), ["true", "TRUE", "True", "1", True, 1, 1.0], ["yes", "2", "t rue"]),
        ("binary", ("01", "1"), ["1", 1], ["001", "true"]),
        ("regression", (), ["2.5", 2.5, " 2.50 ", "25e-1"], ["2,5", "x", "inf", True]),
    ],
)
def test_labels_name_the_same_value_in_every_writing_and_nothing_else(task, classes, alike, refused):
    parse = tasks.of(task).parser(classes)
    assert len({parse(label) for label in alike}) == 1
    assert all(isinstance(parse(label), tasks.Refusal) for label in refused)
