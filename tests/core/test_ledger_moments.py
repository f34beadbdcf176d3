"""Instants of either database and of JSON are one text, and what is no date says otherwise than any date."""

from datetime import UTC, datetime

import pytest

from millrace_core.ledger.chain import moment

AT, WHOLE = "2026-01-01T10:20:30.120000+00:00", "2026-01-01T10:20:30+00:00"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("2026-01-01 10:20:30.120000", AT),
        ("2026-01-01T10:20:30.120000Z", AT),
        ("2026-01-01T12:20:30.12+02:00", AT),
        (datetime(2026, 1, 1, 10, 20, 30, 120000, tzinfo=UTC), AT),
        (datetime(2026, 1, 1, 10, 20, 30, 120000), AT),
        ("2026-01-01 10:20:30.000000", WHOLE),
        ("2026-01-01T10:20:30Z", WHOLE),
        ("2026-01-01 10:20:30", WHOLE),
    ],
)
def test_one_instant_is_one_text(written, told):
    assert moment(written) == told


@pytest.mark.parametrize(
    "odd", ["2026-13-01 10:20:30.000000", "soon", "", None, 5, "2026-01-01 10:20:30.00000O"]
)
def test_what_is_no_date_is_like_no_other(odd):
    others = {WHOLE, AT, moment("2026-12-01 10:20:30.000000")}
    assert moment(odd) not in others
    assert moment(odd) == moment(odd)
