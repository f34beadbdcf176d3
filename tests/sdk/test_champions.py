"""Who was champion then: in event time, as was known by an instant, a day meaning its end."""

from datetime import UTC, datetime

import pytest

from millrace.champions import LATEST, holding, instant
from millrace_contracts.models import AliasMoveRead


def move(version, event, recorded):
    return AliasMoveRead.model_construct(
        version=version, event_time=event and instant(event), recorded_at=instant(recorded)
    )


MOVES = [
    move(1, "2026-11-01T00:00", "2026-11-02T00:00"),
    move(2, None, "2026-11-10T00:00"),
    move(3, "2026-11-05T00:00", "2026-11-20T00:00"),
]


@pytest.mark.parametrize(
    ("at", "known", "version"),
    [
        ("2026-10-31", None, None),
        ("2026-11-03", None, 1),
        ("2026-11-05", None, 3),
        ("2026-11-05", "2026-11-19", 1),
        ("2026-11-10", "2026-11-19", 2),
        (None, None, 3),
    ],
)
def test_the_move_that_was_recorded_last_of_those_that_hold_is_the_champion(at, known, version):
    found = holding(MOVES, instant(at), instant(known))
    assert (found and found.version) == version


def test_a_day_means_its_end_and_nothing_the_latest_there_is():
    assert instant("2026-11-21") == datetime(2026, 11, 21, 23, 59, 59, 999999, tzinfo=UTC)
    assert instant("2026-11-21T12:00:00+02:00") == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert instant("") == instant(None) == LATEST
