"""The time for which there was no room, and the time in line, which is none."""

from datetime import UTC, datetime, timedelta

from millrace_core import pauses

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(**span):
    return NOON + timedelta(**span)


def test_from_the_end_of_its_pause_to_its_turn_it_stood_in_line():
    assert pauses.without_line(NOON, at(minutes=5), at(hours=3, minutes=5)) == at(hours=3)


def test_whose_turn_comes_with_the_end_of_the_pause_stood_in_no_line():
    assert pauses.without_line(NOON, at(minutes=5), at(minutes=5)) == NOON
    assert pauses.without_line(NOON, at(minutes=5), at(minutes=4)) == NOON, "nor whose pause a person ended"


def test_what_was_never_short_has_nothing_to_count():
    assert pauses.without_line(None, at(minutes=5), at(hours=3)) is None
    assert pauses.without_line(NOON, None, at(hours=3)) == NOON
