"""What is kept can be read again by every database and every language."""

import math

import pytest

from millrace_contracts.alarms import SilenceWrite
from millrace_contracts.plain import plain


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.nan, "not finite"),
        ([{"a": -math.inf}], "not finite"),
        ({"a": 2**63}, "64 bits"),
        ({"a": "\ud800"}, "half a character"),
        ({"\ud800": 1}, "half a character"),
        ({"a": {"b": {"c": "\0"}}}, "null character"),
        ({"a": {"\0": 1}}, "null character"),
        (nested(65), "64 levels"),
        (nested(100_000), "64 levels"),
    ],
)
def test_what_somebody_could_not_hold_is_refused(value, words):
    with pytest.raises(ValueError, match=words):
        plain(value)


def test_why_an_alarm_is_silenced_is_a_text_that_every_database_holds():
    with pytest.raises(ValueError, match="pattern"):
        SilenceWrite.model_validate({"until": "2026-01-05T12:00:00Z", "reason": "known\0"})


@pytest.mark.parametrize(
    "value", [nested(64), {"a": -(2**63)}, {"ü": "😀"}, [True, None, 1.5, ""], 2**63 - 1]
)
def test_everything_else_is_kept_as_it_is(value):
    assert plain(value) is value


def test_a_null_character_deep_in_a_document_is_kept_where_only_the_top_becomes_columns():
    assert plain({"a": {"b": "\0"}}, columns=1)
    with pytest.raises(ValueError, match="null character"):
        plain({"a": "\0"}, columns=1)
