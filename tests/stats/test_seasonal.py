"""The first drift alarm of a year is that of a walk through all its windows, though half of them are looked at."""

from itertools import pairwise

import numpy as np

from millrace_stats import drift, seasonal


def window(fires):
    scores = [
        drift.Score(name, 0.0, 0.0, 1.0, 1.0, 1000, bool(on)) for name, on in zip("ab", fires, strict=True)
    ]
    return drift.Window(scores, 1000, None)


def test_the_first_alarm_is_that_of_a_walk_through_all_windows():
    draw = np.random.default_rng(1)
    for number in range(2, 9):
        for fires in draw.random((200, number, 2)) < 0.4:
            found = {14 * place: window(on) for place, on in enumerate(fires, start=1)}
            walked = [end for before, end in pairwise(found) if drift.alarms(found[before], found[end])]
            assert seasonal.first_alarm(list(found), found.__getitem__) == (walked[0] if walked else None)


def test_of_a_quiet_year_every_second_window_is_judged():
    looked = []
    ends = range(74, 426, 14)
    assert seasonal.first_alarm(ends, lambda end: looked.append(end) or window((False, False))) is None
    assert looked == list(ends)[1::2]
