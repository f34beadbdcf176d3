"""Pauses between tries grow, end, and are told as times of day."""

from datetime import UTC, datetime

from millrace_serving.variants.pauses import Pauses


def test_each_pause_is_twice_the_one_before_up_to_an_hour_and_is_told_once_as_a_time():
    moment = [0.0]
    kept = Pauses(lambda: moment[0], lambda: datetime.fromtimestamp(1e9 + moment[0], UTC))
    lengths = []
    for _ in range(8):
        began = moment[0]
        kept.begin("a", "no room")
        told = kept.told("a")
        while kept.rests("a"):
            assert kept.told("a") == told, "the words do not change from look to look"
            moment[0] += 30
        lengths.append(moment[0] - began)
        assert kept.told("a") is None
    assert lengths == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_what_ended_begins_anew_and_others_do_not_rest():
    kept = Pauses(lambda: 0.0, lambda: datetime(2026, 3, 1, 10, 0, tzinfo=UTC))
    kept.begin("a", "no room")
    kept.begin("a", "no room")
    assert kept.told("a") == "is tried again after 2026-03-01 10:02 UTC, 2 without success: no room"
    assert not kept.rests("b")
    kept.end("a")
    assert not kept.rests("a")
    kept.begin("a", "no room")
    assert "10:01 UTC, 1 without success" in kept.told("a")
