"""Tensors in the log: kept in full and alike whichever way they came, so that versions can be scored on them."""

import base64
import io

import numpy as np
import orjson
import pyarrow as pa
import pytest

from millrace.oip import HEADER_LENGTH, encode
from millrace_contracts.logged import LoggedRow
from millrace_contracts.monitors import MonitorWrite
from millrace_contracts.signature import Signature
from millrace_core.errors import BadInput
from millrace_monitoring.closing import rows
from millrace_monitoring.feedback import export as feedback
from millrace_monitoring.ingest import arrow, backfill, bodies, segments
from millrace_monitoring.ingest.intake import Batch, Intake
from millrace_table import tensors

from .gateway import export, log_record
from .sales import START

IMAGES = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
IMAGE = {"name": "image", "datatype": "FP32", "column": "the image", "kind": "tensor", "shape": [2, 3]}
SIGNATURE = Signature.model_validate(
    {"inputs": [IMAGE], "outputs": [{"name": "prediction", "datatype": "FP32"}]}
)
(INPUT,) = SIGNATURE.inputs
SPEC = MonitorWrite.model_construct(signature=SIGNATURE, task="regression", target="y", event_time=None)


async def nowhere(batch: Batch) -> None:
    """A write that keeps nothing."""


def logged(*parts: np.ndarray) -> pa.Table:
    """What is kept of a request for each array of images, in binary, and of each once more in nested JSON."""
    records = []
    for place, images in enumerate(parts):
        body, headers = encode({"image": ("FP32", images)})
        tensor = {"name": "image", "datatype": "FP32", "shape": list(images.shape), "data": images.tolist()}
        forms = [(body, headers[HEADER_LENGTH]), (orjson.dumps({"inputs": [tensor]}), "-")]
        for number, (content, length) in enumerate(forms):
            more = {"request": base64.b64encode(content).decode(), "request_json_length": length}
            nothing = {"price": np.zeros(1, np.float32), "shop": np.array(["s"], object)}
            records.append(log_record(f"{place}-{number}", nothing, [1.0] * len(images), **more))
    (segment,) = Intake(nowhere, 1.0, 1)._prepare([export(records)]).segments
    return segments.load(segments.dump(segment.table)).sort_by(
        [("request_id", "ascending"), ("index", "ascending")]
    )


def test_a_body_is_kept_alike_from_json_and_from_bytes_of_several_rows():
    table = logged(IMAGES, IMAGES[:1])
    assert table["fault"].to_pylist() == [""] * 6
    cells = segments.cells(table, INPUT)
    np.testing.assert_array_equal(cells, np.concatenate([IMAGES, IMAGES, IMAGES[:1], IMAGES[:1]]))
    assert rows.features(table, SIGNATURE.inputs)["image"].shape == (6, 2, 3)


def test_cells_of_another_shape_in_the_same_log_are_missing_not_wrong():
    """A version before took another shape."""
    cells = segments.cells(logged(IMAGES[:1], np.ones((1, 4, 4), np.float32)), INPUT)
    np.testing.assert_array_equal(np.isnan(cells).reshape(4, -1).all(axis=1), [False, False, True, True])
    assert segments.cells(segments.COLUMNS.empty_table(), INPUT) is None


def test_a_body_that_does_not_hold_what_its_shape_says_is_undecodable():
    tensor = {"name": "image", "datatype": "FP32", "shape": [1, 2, 3], "data": [1, 2, 3]}
    with pytest.raises(bodies.Undecodable):
        bodies.columns(orjson.dumps({"inputs": [tensor]}), None, "inputs")


def test_rows_over_rest_are_kept_the_same_and_a_wrong_shape_is_told():
    moment = START
    sent = [
        LoggedRow(
            request_id=f"r{place}", index=0, event_time=moment, features={"the image": cell}, prediction=1.0
        )
        for place, cell in enumerate([*IMAGES.tolist(), None])
    ]
    cells = segments.cells(backfill.of_rows("p", "e", sent, SPEC).table, INPUT)
    np.testing.assert_array_equal(cells[:2], IMAGES)
    assert np.isnan(cells[2]).all()
    sent[1].features["the image"] = [[1.0]]
    with pytest.raises(BadInput) as refused:
        backfill.of_rows("p", "e", sent, SPEC)
    assert refused.value.errors[0].what == "has the shape [1, 1], expected [2, 3]"


@pytest.mark.parametrize("kind", [tensors.kind([2, 3]), pa.list_(pa.list_(pa.float64()))])
def test_an_arrow_stream_is_kept_the_same_and_becomes_training_data_again(kind):
    table = pa.table(
        {
            "request_id": ["a", "b", "c"],
            "index": [0, 0, 0],
            "event_time": pa.array([START] * 3, pa.timestamp("us", "UTC")),
            "the image": pa.array([*IMAGES.tolist(), None], kind),
        }
    )
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    kept = arrow.of_stream("p", "e", sink.getvalue(), SPEC).table
    np.testing.assert_array_equal(segments.cells(kept, INPUT)[:2], IMAGES)
    day = kept.append_column("sample", pa.array([True] * 3)).append_column(
        "label", pa.array([1.0, 2.0, None])
    )
    again = feedback._day(day, SPEC)
    assert again.schema.field("the image").type == tensors.kind([2, 3])
    assert again["the image"].to_pylist() == IMAGES.tolist()
