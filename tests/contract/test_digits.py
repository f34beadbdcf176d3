"""Numbers are written as people read them."""

import pytest

from millrace_contracts.digits import legible, signed


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (25_312, 4, "25,312"), (1823.4, 3, "1,823"), (999.6, 3, "1,000"), (-12_345.6, 4, "-12,346"),
        (119.857, 4, "119.9"), (0.000012345, 4, "1.234e-05"), (3.2e12, 4, "3.2e+12"), (0, 4, "0"),
        (float("nan"), 4, "nan"), (float("inf"), 3, "inf"),
    ],
)  # fmt: skip
def test_thousands_keep_their_whole_part_and_have_no_exponent(value, digits, text):
    assert legible(value, digits) == text


def test_what_moved_something_has_its_sign():
    assert [signed(value, 3) for value in (25_312.4, -25_312.4, 0.1234, 0)] == [
        "+25,312",
        "-25,312",
        "+0.123",
        "+0",
    ]
