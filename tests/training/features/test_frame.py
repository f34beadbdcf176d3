"""Tables become frames without losing what is missing, and survive the disk."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from millrace_training.features.columns import columns_of
from millrace_training.features.frame import MISSING_TIME, epoch_micros, from_arrow, load, numbers

SCHEMA = [
    {"name": "whole", "type": "integer"},
    {"name": "real", "type": "number"},
    {"name": "flag", "type": "boolean"},
    {"name": "word", "type": "string"},
    {"name": "at", "type": "timestamp"},
]


def table() -> pa.Table:
    early = datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC)
    return pa.table(
        {
            "whole": pa.array([1, None, -3], pa.int64()),
            "real": pa.array([0.5, None, float("nan")], pa.float64()),
            "flag": pa.array([True, None, False]),
            "word": pa.array(["żółć", None, ""], pa.string()),
            "at": pa.array([early, None, datetime(2013, 3, 10, 7, tzinfo=UTC)], pa.timestamp("us", "UTC")),
        }
    )


def test_every_kind_says_what_is_missing():
    frame = from_arrow(table(), columns_of(SCHEMA, []))
    feeds = frame.feeds()
    assert {name: (values.dtype.kind, values.shape) for name, values in feeds.items()} == {
        "whole": ("f", (3, 1)),
        "real": ("f", (3, 1)),
        "flag": ("f", (3, 1)),
        "word": ("O", (3, 1)),
        "at": ("i", (3, 1)),
    }
    np.testing.assert_array_equal(feeds["whole"][:, 0], np.array([1, np.nan, -3], np.float32))
    np.testing.assert_array_equal(feeds["flag"][:, 0], np.array([1, np.nan, 0], np.float32))
    assert np.isnan(feeds["real"][1:, 0]).all()
    assert feeds["word"][:, 0].tolist() == ["żółć", "", ""]
    assert feeds["at"][:, 0].tolist() == [-2, MISSING_TIME, 1_362_898_800]


def test_every_unit_of_time_is_read_in_microseconds():
    moment = datetime(2013, 3, 10, 7, tzinfo=UTC)
    for unit in ("s", "ms", "us", "ns"):
        array = pa.chunked_array([pa.array([moment, None], pa.timestamp(unit, "UTC"))])
        assert epoch_micros(array).tolist() == [1_362_898_800_000_000, MISSING_TIME]


def test_a_frame_is_read_back_from_disk(tmp_path):
    frame = from_arrow(table(), columns_of(SCHEMA, []))
    frame.save(tmp_path / "frame")
    again = load(tmp_path / "frame").take(np.array([2, 0]))
    assert again.columns == frame.columns
    assert again.texts("word").tolist() == ["", "żółć"]
    assert again.values["at"].tolist() == [1_362_898_800, -2]
    np.testing.assert_array_equal(again.values["whole"], np.array([-3, 1], np.float32))


def test_an_empty_table_is_an_empty_frame():
    frame = from_arrow(table().slice(0, 0), columns_of(SCHEMA, []))
    assert frame.rows == 0
    assert all(len(values) == 0 for values in frame.feeds().values())


def test_whole_numbers_beyond_float64_are_rounded_and_break_nothing():
    large = pa.chunked_array([pa.array([2**53 + 3, None, -(2**60) - 1])])
    assert numbers(large).tolist()[::2] == [float(2**53 + 4), -float(2**60)]
