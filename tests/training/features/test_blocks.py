"""Each feature block computes the same numbers in numpy and inside an ONNX graph."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from millrace_training.features import blocks, clocks, dates
from millrace_training.features.columns import Column
from millrace_training.features.frame import MISSING_TIME, Frame, from_rows
from millrace_training.graph.builder import IR_VERSION, ML, ML_OPSET, OPSET, TYPES, Graph
from millrace_training.graph.session import open_session

A, B = Column("a", "a", "number"), Column("b b", "b_b", "number")
WORD, TIME = Column("word", "word", "category"), Column("at", "at", "timestamp")
FLOATS = st.floats(width=32) | st.just(float("nan"))
TEXTS = st.text(max_size=4) | st.sampled_from(["", "a", "ż", "東京", "🚀"])
SECONDS = st.integers(dates.FIRST, dates.LAST - 86_400) | st.just(MISSING_TIME)


def through_onnx(block: blocks.FeatureBlock, frame: Frame) -> np.ndarray:
    """The block's answer from onnxruntime."""
    graph = Graph()
    output = block.emit(graph)
    inputs = [
        helper.make_tensor_value_info(column.tensor, TYPES[column.datatype], [None, 1])
        for column in frame.columns
    ]
    result = helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, [None, None])
    nodes = [*graph._nodes, helper.make_node("Identity", [output], ["out"])]
    made = helper.make_graph(nodes, "test", inputs, [result], graph._constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)
    return open_session(model.SerializeToString()).run(None, frame.feeds())[0]


def same(block: blocks.FeatureBlock, frame: Frame) -> None:
    expected = block.apply(frame)
    assert expected.dtype == np.float32
    np.testing.assert_array_equal(through_onnx(block, frame), expected)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=20))
def test_numbers_fills_flags_and_scales_are_equal_bit_for_bit(cells):
    frame = from_rows([{"a": a, "b b": b} for a, b in cells], [A, B])
    numbers = blocks.Numbers([A, B])
    edges = [np.array(pair, np.float32) for pair in ((0.5, -1), (-3, -2), (7, 1e6))]
    filled = blocks.Filled(numbers, *edges)
    scaled = blocks.Scaled(filled, np.array([1.5, 0], np.float32), np.array([0.25, 0], np.float32))
    for block in (numbers, filled, blocks.Missing([A, B]), scaled):
        same(block, frame)
    assert np.isfinite(filled.apply(frame)).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_words_known_unseen_empty_and_unicode_are_equal(cells):
    frame = from_rows([{"word": cell} for cell in cells], [WORD])
    table = {"a": np.float32(1.25), "ż": np.float32(-3), "": np.float32(9)}
    lookup, one_hot = blocks.Lookup(WORD, table, np.float32(0.1)), blocks.OneHot(WORD, ["a", "東京"])
    same(blocks.SideBySide([lookup, one_hot]), frame)
    same(blocks.Lookup(WORD, {}, np.float32(0.1)), frame)
    assert [float(value) for value in lookup.apply(frame)[:, 0]] == pytest.approx(
        [float(table.get(cell, np.float32(0.1))) for cell in cells]
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(SECONDS, min_size=1, max_size=50), st.sampled_from([0, -18_000, 19_800]))
def test_date_parts_are_those_of_the_calendar_at_any_offset(cells, offset):
    frame = from_rows([{"at": None if cell == MISSING_TIME else cell} for cell in cells], [TIME])
    block = blocks.DateParts(TIME, clocks.Clock(offset))
    same(block, frame)
    for seconds, row in zip(cells, block.apply(frame), strict=True):
        if seconds == MISSING_TIME:
            assert np.isnan(row).all()
        elif dates.FIRST - offset <= seconds <= dates.LAST - offset:
            then = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds + offset)
            assert row.tolist() == [then.month, then.day, then.weekday(), then.hour]


ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]


@settings(max_examples=25, deadline=None)
@given(st.data(), st.sampled_from(ZONES))
def test_date_parts_are_those_of_the_zones_clocks_in_summer_and_winter_too(data, zone):
    clock, tz = clocks.of_zone(zone), ZoneInfo(zone)
    changes = st.sampled_from(clock.at or (0,)).flatmap(lambda at: st.sampled_from([at - 1, at, at + 1]))
    years = st.integers(0, int(clocks.LAST.timestamp()))
    cells = data.draw(st.lists(years | changes, min_size=1, max_size=50))
    frame = from_rows([{"at": cell} for cell in cells], [TIME])
    block = blocks.DateParts(TIME, clock)
    same(block, frame)
    for seconds, row in zip(cells, block.apply(frame), strict=True):
        then = datetime.fromtimestamp(seconds, tz)
        assert row.tolist() == [then.month, then.day, then.weekday(), then.hour]


@settings(max_examples=25, deadline=None)
@given(st.lists(SECONDS, min_size=1, max_size=50), st.integers(dates.FIRST, dates.LAST))
def test_days_gone_by_are_counted_from_the_second_that_training_chose(cells, origin):
    frame = from_rows([{"at": None if cell == MISSING_TIME else cell} for cell in cells], [TIME])
    block = blocks.Elapsed(TIME, origin)
    same(block, frame)
    for seconds, (days,) in zip(cells, block.apply(frame), strict=True):
        assert np.isnan(days) if seconds == MISSING_TIME else days == np.float32((seconds - origin) / 86_400)


def test_times_beyond_the_calendar_do_not_break_a_batch():
    values = np.array([MISSING_TIME, MISSING_TIME + 1, np.iinfo(np.int64).max, 0], np.int64)
    frame = Frame([TIME], {"at": values}, {}, 4)
    for block in (blocks.DateParts(TIME, clocks.of_zone("Europe/Berlin")), blocks.Elapsed(TIME, 1 << 31)):
        same(block, frame)


def test_equal_nodes_are_made_once():
    graph = Graph()
    first = dates.emit(graph, "at", clocks.Clock(0))
    count = len(graph._nodes)
    assert dates.emit(graph, "at", clocks.Clock(0)) == first
    assert len(graph._nodes) == count


def test_what_says_missing_in_the_data_is_missing_in_the_graph_too():
    word = Column("word", "word", "category", marks=("NA", "null"))
    frame = from_rows([{"word": text} for text in ("", "NA", "null", "a", "x")], [word])
    lookup = blocks.Lookup(word, {"": np.float32(5), "a": np.float32(1)}, np.float32(2))
    one_hot = blocks.OneHot(word, ["", "a"])
    assert through_onnx(lookup, frame).ravel().tolist() == [5, 5, 5, 1, 2]
    assert through_onnx(one_hot, frame)[:, 0].tolist() == [1, 1, 1, 0, 0]
