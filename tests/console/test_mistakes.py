"""Mistakes of people in forms are refused in words, never a failure of the console."""

import pytest

from millrace_console.predicting.cells import Cell, row
from millrace_core.errors import BadInput

REVIEW = "/p/default/loops/sales/review/1"


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("label", {"value": "a", "note": "nothing\0"}),
        ("skip", {"note": "nothing\0"}),
        ("label", {"value": "a" * 10_001}),
    ],
)
async def test_a_label_that_does_not_fit_is_refused_on_a_page(signed, person, what, fields):
    answer = await signed.post(f"{REVIEW}/{what}", data=fields | {"csrf": person.csrf})
    assert answer.status_code == 422
    assert "does not fit" in answer.text


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_a_number_that_json_cannot_hold_is_refused_by_its_column(text):
    with pytest.raises(BadInput, match="price is no number"):
        row([Cell("cell-0", "price", "number", [], "")], {"cell-0": text})
