"""Pictures say in words what they show, hide nothing behind a colour, and escape every name."""

from datetime import date, timedelta

from millrace_console.drawing import fit
from millrace_console.drawing.bars import bars
from millrace_console.drawing.heat import heat, weeks
from millrace_console.drawing.story import story
from millrace_contracts.closings import DriftRead
from millrace_contracts.drift_windows import widest
from millrace_contracts.estimates import EstimatedMetric, EstimatedSpan
from millrace_contracts.fits import CalibrationCurve, CalibrationPoint, ErrorSpan
from millrace_contracts.overviews import DayPoint

FIRST = date(2026, 5, 4)
ODD = '<b>"x"</b> & co'


def day(number, **psi):
    at = FIRST + timedelta(days=number)
    return DriftRead(day=at, champion=1, days=7, psi=psi, window=None)


def test_a_week_has_the_most_that_a_feature_moved_on_its_days():
    found = weeks([day(0, a=0.01), day(6, a=0.3, b=0.02), day(7, a=0.02), day(20)])
    assert [(week.monday, week.psi) for week in found] == [
        (FIRST, {"a": 0.3, "b": 0.02}), (FIRST + timedelta(days=7), {"a": 0.02}),
    ]  # fmt: skip


def test_a_window_that_has_just_begun_knows_one_weekday_and_is_not_shown_as_drift():
    begun = [
        DriftRead(
            day=FIRST + timedelta(days=n),
            champion=1,
            days=n % 7 + 1,
            psi={"weekday": 6 / (n % 7 + 1)},
            window=None,
        )
        for n in range(14)
    ]
    assert [week.psi["weekday"] for week in weeks(begun)] == [6 / 7, 6 / 7]
    assert [one.day.day for one in widest(begun)] == [10, 17]
    assert widest([]) == []


def test_a_week_in_which_every_window_had_just_begun_shows_nothing():
    full = DriftRead(day=FIRST, champion=1, days=14, psi={"weekday": 0.02}, window=None)
    begun = DriftRead(day=FIRST + timedelta(days=8), champion=2, days=2, psi={"weekday": 3.0}, window=None)
    assert [week.psi for week in weeks([full, begun])] == [{"weekday": 0.02}, {}]
    assert "week of 2026-05-11: nothing to compare" in heat(weeks([full, begun]))


def test_windows_of_a_few_days_are_shown_where_there_are_no_others():
    short = DriftRead(day=FIRST, champion=1, days=3, psi={"a": 0.02}, window=None)
    assert [week.psi for week in weeks([short])] == [{"a": 0.02}]


def test_drift_is_shaded_by_its_steps_and_told_in_words():
    picture = heat(weeks([day(0, a=0.04, b=0.06), day(7, a=0.12, b=0.5), day(14, a=0.01)]))
    assert [picture.count(f'class="cell h{step}"') for step in range(4)] == [2, 1, 1, 1]
    assert picture.count('class="cell none"') == 1, (
        "a week without rows of a feature is no week without drift"
    )
    assert "week of 2026-05-11: PSI 0.12" in picture
    assert picture.index(">b</text>") < picture.index(">a</text>"), "what moved most is on top"
    assert heat(weeks([day(0, a=0.1), day(1, a=0.2)])) is None, "one week is no course"


def test_what_is_expected_reaches_beyond_the_last_day_with_labels_and_its_band_ends_at_the_edge():
    days = [
        DayPoint(day=FIRST + timedelta(days=number), rows=9, labelled=9, loss=1.0, baseline=None, champion=1)
        for number in range(8)
    ]
    spans = [week(0, 1.1, 0.8, 1.4), week(7, 1.2, 0.9, 1.5), week(14, 1.3, 0.9, 9.0)]
    assert 'class="expected"' not in story(days, [], "loss")
    picture = story(days, [], "loss", spans)
    assert picture.count('class="expected"') == picture.count('class="band"') == 1
    drawn = picture.split('class="expected" d="')[1].split('"')[0]
    assert drawn.count("L") == 2
    band = picture.split('class="band" d="')[1].split('"')[0].replace("Z", "")
    heights = [float(point.split()[1]) for point in band.replace("M", "L").split("L")[1:]]
    assert min(heights) >= 26.0, "nothing is drawn above the picture"


def week(number, value, lower, upper):
    loss = EstimatedMetric(value=value, lower=lower, upper=upper)
    since = FIRST + timedelta(days=number)
    told = {"rows": 9, "labelled": 0, "settled": False, "adjusted": None, "refused": None, "version": 1}
    return EstimatedSpan(since=since, until=since + timedelta(days=6), metrics={"loss": loss}, **told)


def test_names_are_cut_and_escaped():
    for picture in (
        bars([(ODD, 0.5), ("y" * 90, 0.1)], "loss"),
        heat(weeks([day(0, **{ODD: 0.1}), day(7, **{ODD: 0.1})])),
    ):
        assert "<b>" not in picture
        assert "&lt;b&gt;" in picture


def test_bars_are_in_order_and_what_does_harm_has_no_length_but_its_number():
    picture = bars([("little", 0.1), ("much", 0.9), ("harmful", -0.2)], "loss that is added")
    assert picture.index("much") < picture.index("little") < picture.index("harmful")
    assert "harmful: -0.2" in picture
    assert 'width="0.6"' in picture
    assert bars([], "loss") is None


def curve(*points):
    return CalibrationCurve(
        title=ODD, what=ODD, points=[CalibrationPoint(predicted=x, observed=y) for x, y in points]
    )


def test_a_calibration_says_how_far_it_is_off_and_escapes_what_it_is_called():
    picture = fit.calibration(curve((0.1, 0.12), (0.9, 0.6)))
    assert picture.count('class="dot"') == 2
    assert "at most 30 points from what was predicted" in picture
    assert "<b>" not in picture
    assert fit.calibration(curve()) is None


def test_errors_say_where_the_answers_lean_and_one_span_alone_is_drawn():
    def span(lowest, middle):
        return ErrorSpan(
            rows=5, lowest=lowest, highest=lowest + 1, p10=middle - 1, p50=middle, p90=middle + 1
        )

    picture = fit.errors([span(0, 0.1), span(10, -3.0)])
    assert "the median is at most 3, for answers from 10" in picture
    assert picture.count("interval") == 2
    assert "nan" not in fit.errors([span(0, 0.0)])
    assert fit.errors([]) is None
