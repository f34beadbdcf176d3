"""Encoders learn from training rows alone, and treat rare, unseen and missing values alike in every model."""

import numpy as np
import pytest

from millrace_training.features import encoders
from millrace_training.features.columns import Column
from millrace_training.features.frame import Frame

NUMBER, WORD, TIME = Column("x", "x", "number"), Column("w", "w", "category"), Column("t", "t", "timestamp")


def frame_of(x, codes, words) -> Frame:
    values = {
        "x": np.asarray(x, np.float32),
        "w": np.asarray(codes, np.int32),
        "t": np.zeros(len(x), np.int64),
    }
    return Frame([NUMBER, WORD, TIME], values, {"w": words}, len(x))


@pytest.fixture
def data():
    draw = np.random.default_rng(0)
    x = draw.normal(size=3_000)
    x[::7] = np.nan
    codes = np.where(np.arange(3_000) < 2_995, draw.integers(0, 3, 3_000), 3)
    return frame_of(x, codes, ["a", "b", "c", "rare"]), codes * 10.0


@pytest.mark.parametrize("style", ["tree", "filled", "linear"])
def test_a_word_is_its_mean_and_rare_ones_are_the_mean_of_all(data, style):
    frame, target = data
    block = encoders.fit(style, frame, [target], "UTC", 1).block
    lookup = next(part for part in getattr(block, "inner", block).blocks if hasattr(part, "table"))
    assert sorted(lookup.table) == ["a", "b", "c"]
    assert lookup.table["c"] == pytest.approx(20, abs=0.5)
    assert lookup.other == pytest.approx(target.mean())


def test_what_a_model_is_trained_on_is_what_it_will_be_asked(data):
    frame, target = data
    for style in ("tree", "filled", "linear"):
        encoded = encoders.fit(style, frame, [target], "UTC", 1)
        np.testing.assert_array_equal(encoded.matrix, encoded.block.apply(frame))
        assert encoded.matrix.dtype == np.float32


def test_only_tree_features_may_be_missing(data):
    frame, target = data
    assert np.isnan(encoders.fit("tree", frame, [target], "UTC", 1).matrix).any()
    for style in ("filled", "linear"):
        hostile = frame_of([np.nan, np.inf, -np.inf], [0, 4, 4], ["a", "b", "c", "rare", "new"])
        block = encoders.fit(style, frame, [target], "UTC", 1).block
        assert np.isfinite(block.apply(hostile)).all()


def test_a_word_with_few_rows_does_not_tell_a_row_its_own_target():
    draw = np.random.default_rng(1)
    codes = np.repeat(np.arange(200), 15)
    target = draw.normal(size=3_000)
    frame = frame_of(np.zeros(3_000), codes, [str(code) for code in range(200)])
    encoded = encoders.fit("tree", frame, [target], "UTC", 1)
    own = np.corrcoef(encoded.block.apply(frame)[:, -1], target)[0, 1]
    trained_on = np.corrcoef(encoded.matrix[:, -1], target)[0, 1]
    assert own > 0.2
    assert trained_on < 0.05


def test_columns_without_any_value_are_survived():
    frame = frame_of([np.nan] * 40, [0] * 40, [""])
    for style in ("tree", "filled", "linear"):
        matrix = encoders.fit(style, frame, [np.arange(40.0)], "UTC", 1).matrix
        assert style == "tree" or np.isfinite(matrix).all()


def test_a_word_is_encoded_by_each_of_several_columns():
    codes = np.arange(300) % 3
    frame = frame_of(np.zeros(300), codes, ["a", "b", "c"])
    members = [(codes == place).astype(float) for place in range(3)]
    matrix = encoders.fit("tree", frame, members, "UTC", 1).block.apply(frame)
    assert matrix.shape[1] == 1 + 5 + 3
    assert (matrix[:, -3:].argmax(axis=1) == codes).all()


def test_the_numbers_of_a_tensor_share_a_scale_so_that_a_quiet_corner_stays_quiet():
    draw = np.random.default_rng(0)
    cells = draw.normal(5, 2, (200, 2, 2)).astype(np.float32)
    cells[:, 0, 0] = draw.normal(0, 0.01, 200)
    columns = [Column("a", "a", "number"), Column("image", "image", "tensor", shape=(2, 2))]
    frame = Frame(columns, {"a": cells[:, 1, 1], "image": cells}, {}, 200)
    spread = encoders.fit("net", frame, [np.zeros(200)], "UTC", 1).matrix.std(axis=0)
    assert spread[1] < 0.01
    assert (spread[2:] > 0.3).all()
