"""A label names the class that is written like it, or none: codes, flags and numbers never turn into each other."""

import numpy as np
import pytest

from millrace_stats import tasks
from millrace_stats.tasks import Refusal, class_text, labels

BINARY, MANY, NUMBER = (tasks.of(name) for name in ("binary", "multiclass", "regression"))


@pytest.mark.parametrize(
    ("value", "classes", "place"),
    [
        (1, [1, 2], 0),
        (2.0, [1, 2], 1),
        ("2", [1, 2], 1),
        ("1.0", [1, 2], 0),
        ("01", ["01", "02"], 0),
        ("true", [False, True], 1),
        ("FALSE", [False, True], 0),
        ("1", [False, True], 1),
        (True, [False, True], 1),
        (1, [False, True], 1),
        (2, ["1", "2"], 1),
        (2.0, ["1", "2"], 1),
        (True, ["False", "True"], 1),
        ("yes", ["no", "yes"], 1),
        ("0.5", [0.5, 1.5], 0),
        (9007199254740993, [9007199254740992, 9007199254740993], 1),
        ("9007199254740993", [9007199254740992, 9007199254740993], 1),
    ],
)
def test_a_label_is_the_class_that_is_written_like_it(value, classes, place):
    assert BINARY.parse(value, classes) == place


@pytest.mark.parametrize(
    ("value", "classes"),
    [
        (0, [1, 2]),
        ("01", [1, 2]),
        (1.0, ["01", "02"]),
        ("1", ["01", "02"]),
        ("Yes", ["no", "yes"]),
        ("", ["no", "yes"]),
        (float("nan"), [1, 2]),
        (float("inf"), [1, 2]),
        ("true", [0, 1]),
        ("nan", [0.5, 1.5]),
    ],
)
def test_what_is_no_class_is_refused_with_words_and_never_becomes_another(value, classes):
    refusal = BINARY.parse(value, classes)
    assert isinstance(refusal, Refusal)
    assert refusal.words == f"is none of the classes {', '.join(map(class_text, classes))}"


def test_a_refusal_of_one_among_many_classes_names_some_and_counts_the_rest():
    assert MANY.parse("x", list(range(100))) == Refusal(
        "is none of the classes 0, 1, 2, 3, 4, 5, 6, 7 and 92 more"
    )


@pytest.mark.parametrize("value", ["three", True, "", "nan", "inf", "1_000", "3,5", "0x10", "1 2", "١"])
def test_a_regressions_label_is_a_number(value):
    assert NUMBER.parse(value, []) == Refusal("is no number")


@pytest.mark.parametrize(
    ("value", "number"),
    [("3", 3.0), (" -2.5 ", -2.5), ("1e3", 1000.0), ("007", 7.0), (".5", 0.5), ("+4.", 4.0)],
)
def test_a_regressions_label_may_be_written_as_text(value, number):
    assert NUMBER.parse(value, []) == number


def test_a_regressions_label_is_finite():
    assert NUMBER.parse(float("inf"), []) == NUMBER.parse("1e999", []) == Refusal("is not a finite number")
    assert NUMBER.parse(3, []) == 3.0


def test_classes_stand_in_the_order_of_their_values():
    assert MANY.classes([10, 2, 1]) == (1, 2, 10)
    assert MANY.classes(["b", "a", "C"]) == ("C", "a", "b")
    assert BINARY.classes([True, False]) == (False, True)
    assert NUMBER.classes([1, 2, 3]) == ()


@pytest.mark.parametrize(
    ("task", "count", "words"),
    [
        (BINARY, 3, "must have two values, it has 3: [0, 1, 2]"),
        (MANY, 2, "must have 3 to 1000 values, it has 2: [0, 1]"),
        (MANY, 1001, "must have 3 to 1000 values, it has 1001: [0, 1, 2, 3, 4]"),
    ],
)
def test_too_many_or_too_few_classes_are_refused(task, count, words):
    assert task.classes(range(count)) == Refusal(words)


def test_class_texts_are_the_same_everywhere():
    assert [class_text(value) for value in ("x", 3, True, False, 1.0)] == ["x", "3", "true", "false", "1.0"]
    assert labels.index("1.0", [1.0, 2.0]) == labels.index("1", [1.0, 2.0]) == 0


def test_many_values_are_encoded_at_once_and_decoded_again():
    classes = ("a", "b", "c")
    numbers = MANY.encode(["b", None, "x", "c"], classes)
    np.testing.assert_array_equal(numbers, [1, np.nan, np.nan, 2])
    assert MANY.decode(numbers[3], classes) == "c"
    np.testing.assert_array_equal(MANY.encode([True, 1, "1"], (0, 1, 2)), [1, 1, 1])


def test_there_is_no_other_task():
    with pytest.raises(
        ValueError, match="there is no task 'ranking'; there are regression, binary, multiclass"
    ):
        tasks.of("ranking")
