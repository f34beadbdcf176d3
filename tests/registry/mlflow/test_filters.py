"""The language of searches: what is written is what is meant, and whatever else is written is refused, not run."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_core.errors import BadInput
from millrace_registry.mlflow.filters import Comparison, conditions, orders


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("metrics.rmse < 1", Comparison("metric", "rmse", "<", 1.0)),
        ("metric.`a b` >= -1.5e3", Comparison("metric", "a b", ">=", -1500.0)),
        ("params.model = 'tree'", Comparison("param", "model", "=", "tree")),
        ("tags.\"my tag\" LIKE '%x%'", Comparison("tag", "my tag", "LIKE", "%x%")),
        ("tags.mlflow.runName ilike 'a'", Comparison("tag", "mlflow.runName", "ILIKE", "a")),
        ("name = 'it''s'", Comparison("attribute", "name", "=", "it's")),
        ("attributes.run_id IN ('a', 'b')", Comparison("attribute", "run_id", "IN", ("a", "b"))),
        ("run_id not in ('a')", Comparison("attribute", "run_id", "NOT IN", ("a",))),
        ("tags.a is not null", Comparison("tag", "a", "IS NOT NULL", None)),
        ("status <> 'RUNNING'", Comparison("attribute", "status", "!=", "RUNNING")),
    ],
)
def test_a_comparison_is_read_as_it_is_written(text, meant):
    assert conditions(text) == [meant]


def test_all_comparisons_joined_by_and_must_hold():
    assert len(conditions("metrics.a < 1 and params.b = 'x' AND name != 'and'")) == 3


@pytest.mark.parametrize(
    "text",
    [
        "foo", "a =", "a = b", "a = 'b", "a = 'b' or c = 'd'", "a = 'b'; drop table x", "x.y = 'b'", "a = 'b' and",
        "a in ()", "a.b.c", "= 1",
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused_with_how_to_write_one(text):
    with pytest.raises(BadInput, match=r"Invalid"):
        conditions(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        assert all(item.entity for item in conditions(text))
    except BadInput:
        return


@pytest.mark.parametrize("text", ["1" * 9_990 + "a", "1" * 4_990 + "." + "1" * 4_990 + "a", "'" * 9_991])
def test_no_text_takes_long_to_be_read_or_refused(text):
    began = time.process_time()
    for read in (conditions, lambda text: orders([text])):
        try:
            read(text)
        except BadInput:
            continue
    assert time.process_time() - began < 0.2, "signs times signs would be seconds"


def test_sort_keys_are_ascending_unless_they_say_otherwise():
    assert [item.descending for item in orders(["metrics.a", "name DESC", "tags.`b c` asc"])] == [
        False,
        True,
        False,
    ]
