"""Profiles: merging is addition, bins are frozen, and what is strange is counted as strange."""

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace_stats.profiles import PREDICTION, Profile, ProfileSpec, empty, fit_spec, profile

KINDS = {"x": "number", "n": "number", "flag": "boolean", "word": "category", "at": "timestamp"}
NUMBERS = st.one_of(st.floats(width=32), st.integers(-5, 5).map(float))
WORDS = st.sampled_from(["a", "b", "rare", "never seen", "", None])
ROWS = st.lists(st.tuples(NUMBERS, st.integers(0, 3), st.booleans(), WORDS), min_size=0, max_size=60)


def table(rows):
    x, n, flag, word = zip(*rows, strict=True) if rows else ((), (), (), ())
    at = np.array([np.iinfo(np.int64).min if number == 0 else number for number in n], np.int64)
    return {"x": np.array(x, np.float32), "n": np.array(n, np.float32), "flag": np.array(flag, bool),
            "word": np.array(word, object), "at": at}  # fmt: skip


def sample(rows=2000, seed=1):
    draw = np.random.default_rng(seed)
    return {"x": draw.normal(size=rows), "n": draw.integers(0, 4, rows), "flag": draw.random(rows) < 0.3,
            "word": draw.choice(np.array(["a", "b", "c"], object), rows), "at": np.arange(rows)}  # fmt: skip


SPEC = fit_spec(sample(), KINDS, prediction=np.random.default_rng(2).normal(size=500))


def same(one, other):
    """Counts, ranges and rows are identical; float sums agree up to rounding."""
    assert one.rows == other.rows
    for name, counts in one.counts.items():
        np.testing.assert_array_equal(counts, other.counts[name])
    for name, totals in one.sums.items():
        theirs = other.sums[name]
        assert (totals.finite, totals.infinite) == (theirs.finite, theirs.infinite)
        assert (totals.low, totals.high) == (theirs.low, theirs.high)
        np.testing.assert_allclose(totals[2:4], theirs[2:4], rtol=1e-9, atol=1e-9 * totals.squares**0.5)


class TestMergeIsAddition:
    @settings(max_examples=60, deadline=None)
    @given(rows=ROWS, cut=st.integers(0, 60), other=st.integers(0, 60))
    def test_any_split_in_any_order_gives_the_profile_of_all_rows(self, rows, cut, other):
        first, last = sorted((cut, other))
        parts = [profile(SPEC, table(part)) for part in (rows[:first], rows[first:last], rows[last:])]
        whole = profile(SPEC, table(rows))
        same(parts[0] + parts[1] + parts[2], whole)
        same(parts[2] + (parts[0] + parts[1]), whole)

    @settings(max_examples=30, deadline=None)
    @given(rows=ROWS)
    def test_no_rows_are_the_zero_and_replayed_rows_count_twice(self, rows):
        once = profile(SPEC, table(rows))
        same(once + empty(SPEC), once)
        same(once + once, profile(SPEC, table(rows + rows)))

    @settings(max_examples=30, deadline=None)
    @given(rows=ROWS)
    def test_every_row_is_in_exactly_one_slot(self, rows):
        made = profile(SPEC, table(rows))
        assert {int(made.counts[name].sum()) for name in KINDS} == {len(rows)}

    def test_profiles_with_other_bins_refuse_to_merge(self):
        other = fit_spec(sample(seed=9), KINDS)
        with pytest.raises(ValueError, match="different bins"):
            _ = empty(SPEC) + empty(other)

    def test_counts_are_whole_numbers_of_64_bits(self):
        assert {values.dtype for values in profile(SPEC, sample()).counts.values()} == {np.dtype(np.int64)}


class TestJson:
    def test_spec_and_profile_come_back_from_json_the_same(self):
        made = profile(SPEC, sample(seed=3) | {PREDICTION: np.ones(2000)})
        spec = ProfileSpec.from_dict(orjson.loads(orjson.dumps(SPEC.to_dict())))
        back = Profile.from_dict(orjson.loads(orjson.dumps(made.to_dict())))
        assert spec.digest == SPEC.digest == back.spec
        assert back.to_dict() == made.to_dict()
        assert profile(spec, sample(seed=3) | {PREDICTION: np.ones(2000)}).to_dict() == made.to_dict()

    def test_the_order_of_columns_does_not_change_the_identity(self):
        columns = sample()
        assert fit_spec(dict(reversed(columns.items())), KINDS).digest == fit_spec(columns, KINDS).digest

    @pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e300, -1e300])
    def test_extreme_values_leave_sums_that_json_can_carry(self, value):
        made = profile(SPEC, table([(1.0, 1, True, "a")]) | {"x": np.array([value])})
        assert None not in made.to_dict()["sums"]["x"][:4]
        assert Profile.from_dict(orjson.loads(orjson.dumps(made.to_dict()))).to_dict() == made.to_dict()


class TestNumbers:
    def test_training_rows_fill_32_bins_evenly_and_none_lies_outside(self):
        values = np.random.default_rng(0).normal(size=32_000)
        spec = fit_spec({"x": values}, {"x": "number"})
        counts = profile(spec, {"x": values}).counts["x"]
        assert len(counts) == 35
        assert counts[[0, -2, -1]].tolist() == [0, 0, 0]
        assert abs(counts[1:33] - 1000).max() <= 1

    def test_below_above_infinite_and_missing_are_told_apart(self):
        spec = fit_spec({"x": np.arange(100.0)}, {"x": "number"})
        made = profile(spec, {"x": np.array([-1, -np.inf, 100, np.inf, np.nan, 0, 99.0])})
        counts = made.counts["x"]
        assert (counts[0], counts[-2], counts[-1], counts[1:-2].sum()) == (2, 2, 1, 2)
        assert made.outside_share(spec, "x") == pytest.approx(4 / 7)
        assert made.sums["x"].infinite == 2
        assert (made.sums["x"].low, made.sums["x"].high) == (-1.0, 100.0)

    @pytest.mark.parametrize("values", [[0, 1], [0, 1, 2, 3], [5], list(range(31))])
    def test_few_distinct_values_each_have_their_own_bin(self, values):
        spec = fit_spec({"x": np.repeat(values, 7)}, {"x": "number"})
        counts = profile(spec, {"x": np.array(values)}).counts["x"]
        assert sorted(counts[counts > 0]) == [1] * len(values)

    def test_a_flipped_boolean_is_seen(self):
        flags = np.random.default_rng(0).random(1000) < 0.3
        spec = fit_spec({"flag": flags}, {"flag": "boolean"})
        assert (
            profile(spec, {"flag": flags}).counts["flag"].tolist()
            != profile(spec, {"flag": ~flags}).counts["flag"].tolist()
        )

    def test_a_frequent_largest_value_has_its_own_bin(self):
        values = np.concatenate([np.linspace(0, 1, 500), np.full(500, 1.0)])
        spec = fit_spec({"x": values}, {"x": "number"})
        assert (
            profile(spec, {"x": np.array([1.0])}).counts["x"].argmax()
            != profile(spec, {"x": np.array([0.999])}).counts["x"].argmax()
        )

    def test_values_fall_into_the_same_slot_as_32_and_as_64_bits(self):
        values = np.random.default_rng(0).choice([0.1, 0.2, 0.7], 1000)
        spec = fit_spec({"x": values}, {"x": "number"})
        wire = profile(spec, {"x": values.astype(np.float32)})
        assert wire.to_dict() == profile(spec, {"x": values}).to_dict()
        assert wire.outside_share(spec, "x") == 0

    def test_exact_numbers_are_told_apart_by_digits_that_32_bits_lose(self):
        meters = 1_700_000_000.0 + np.arange(320)
        spec = fit_spec({"meter": meters}, {"meter": "exact"})
        spec = ProfileSpec.from_dict(orjson.loads(orjson.dumps(spec.to_dict())))
        assert profile(spec, {"meter": meters}).counts["meter"][1:33].tolist() == [10] * 32
        hostile = np.array([meters[0] - 1, meters[-1] + 1, 1e300, -1e300, np.nan, np.inf])
        seen = profile(spec, {"meter": hostile})
        assert (seen.counts["meter"][[0, -2, -1]]).tolist() == [2, 3, 1]
        assert seen.sums["meter"][:2] == (2, 3)

    def test_none_in_a_number_is_missing_and_text_is_refused(self):
        spec = fit_spec({"x": np.arange(10.0)}, {"x": "number"})
        assert profile(spec, {"x": np.array([None, 1.0], object)}).missing_share("x") == 0.5
        with pytest.raises(ValueError):
            profile(spec, {"x": np.array(["ten"], object)})

    def test_a_feature_that_was_always_missing_can_be_profiled(self):
        spec = fit_spec({"x": np.full(5, np.nan)}, {"x": "number"})
        assert profile(spec, {"x": np.full(4, np.nan)}).missing_share("x") == 1.0


class TestCategories:
    def test_frequent_rare_unseen_and_missing_words_are_counted_apart(self):
        words = np.array([f"w{n:03d}" for n in range(300) for _ in range(2 if n < 256 else 1)], object)
        spec = fit_spec({"word": words}, {"word": "category"})
        made = profile(spec, {"word": np.array(["w000", "w299", "w298", "new", "", None, np.nan], object)})
        assert made.counts["word"][[0, -3, -2, -1]].tolist() == [1, 2, 1, 3]
        assert made.outside_share(spec, "word") == pytest.approx(1 / 7)

    def test_with_more_words_than_are_remembered_rare_ones_are_not_called_unseen(self):
        words = np.array([f"id{n}" for n in range(12_000)], object)
        spec = fit_spec({"word": words}, {"word": "category"})
        assert not spec.features["word"].complete
        assert profile(spec, {"word": words}).outside_share(spec, "word") == 0

    def test_equally_frequent_words_are_frozen_in_alphabetical_order(self):
        one, other = (np.array(list(text), object) for text in ("abcabc", "cbacba"))
        assert (
            fit_spec({"w": one}, {"w": "category"}).digest == fit_spec({"w": other}, {"w": "category"}).digest
        )


class TestTimestamps:
    @pytest.mark.parametrize(
        "values",
        [
            np.array(["2013-01-01", "NaT"], "M8[s]"),
            np.array([5, np.iinfo(np.int64).min]),
            np.array([5.0, np.nan]),
        ],
    )
    def test_only_presence_is_counted(self, values):
        spec = fit_spec({"at": np.arange(3)}, {"at": "timestamp"})
        assert profile(spec, {"at": values}).counts["at"].tolist() == [1, 1]


def test_an_unknown_kind_and_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="not one of"):
        fit_spec({"x": np.arange(3)}, {"x": "image"})
    with pytest.raises(ValueError, match="length"):
        profile(SPEC, {"x": np.zeros(2), "n": np.zeros(3)})


def test_a_feature_that_was_not_recorded_has_zero_counts():
    assert profile(SPEC, {"x": np.zeros(5)}).counts["word"].sum() == 0
