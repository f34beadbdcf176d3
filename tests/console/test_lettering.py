"""Names in pictures end within their place, whatever letters they have."""

import pytest

from millrace_console.drawing import lettering


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plane_manufacturer", "plane_manufacturer"),
        ("MCDONNELL DOUGLAS AIRCRAFT CO", "MCDONNELL DOUGLAS AI…"),
        ("東京都千代田区霞が関一丁目二番三号中央合同庁舎", "東京都千代田区霞が関一丁目二番…"),
        ("illicit illiterate trill", "illicit illiterate trill"),
    ],
)
def test_a_name_is_as_long_as_its_letters_are_wide(name, shown):
    assert lettering.fitting(name, 200) == shown
    assert lettering.width(shown) <= 200


def test_no_room_is_an_ellipsis():
    assert lettering.fitting("setosa", -3) == "…"
