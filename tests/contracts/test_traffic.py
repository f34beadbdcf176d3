"""The sizes of real requests are counted, not guessed; they decide with how many rows a form is measured."""

from datetime import date

import pytest
from pydantic import TypeAdapter, ValidationError

from millrace_contracts import traffic
from millrace_contracts.compressing import CompressPlan
from millrace_contracts.variants import DISTILLED, Wishes

FIRST, SECOND, EMPTY = date(2024, 3, 1), date(2024, 3, 2), date(2024, 3, 3)


def test_half_of_the_requests_and_nine_of_ten_say_the_sizes():
    sizes = traffic.of_days(
        [(FIRST, {"1": 70, "20": 5}), (SECOND, {"2": 10, "20": 14, "500": 1}), (EMPTY, {})]
    )
    assert (sizes.requests, sizes.median, sizes.p90) == (100, 1, 20)
    assert (sizes.since, sizes.through) == (FIRST, SECOND)
    assert sizes.batches == [1, 20]


def test_one_size_is_measured_once():
    assert traffic.of_days([(FIRST, {"50": 200})]).batches == [50]


@pytest.mark.parametrize("days", [[], [(FIRST, {})], [(FIRST, {"1": traffic.LEAST_REQUESTS - 1})]])
def test_too_few_requests_say_nothing(days):
    assert traffic.of_days(days) is None


def test_without_traffic_forms_are_measured_with_1_and_8_rows():
    assert CompressPlan().batches == [1, 8]


def test_distillation_is_a_wish_of_its_own():
    with pytest.raises(ValidationError, match="ort-cpu-fp32"):
        TypeAdapter(Wishes).validate_python([DISTILLED])
