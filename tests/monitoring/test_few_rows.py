"""Loops of few rows a day: days add up until there are enough, and meanwhile it is said how many there are."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from millrace_contracts.monitors import MonitorPolicy
from millrace_monitoring.alarms.findings import Ending
from millrace_monitoring.detectors import drift, performance, quality
from millrace_monitoring.detectors.day import Facts, JudgedDay
from millrace_monitoring.profiles.baseline import parse
from millrace_monitoring.profiles.losses import DayLoss
from millrace_stats import measurements, sparse
from millrace_stats.measuring import measure
from millrace_stats.profiles import profile

from .sales import baseline, monitor, table_of_day
from .test_findings import alarms

FIRST = date(2024, 3, 1)
KNOWN = parse(baseline())


def rows(number, count, without_price=False, shop=None):
    """The profile of a day of so many rows."""
    features, _ = table_of_day(number, rows=count)
    columns = {name: np.array(values) for name, values in features.items() if name in ("price", "shop")}
    if without_price:
        columns["price"] = np.full(count, np.nan)
    if shop is not None:
        columns["shop"] = np.array([shop] * count)
    return profile(KNOWN.spec, columns)


def live(profiles, facts=None):
    """The days judged one after the other; the findings of quality, and the state after the last one."""
    state, findings, kept = quality.QualityState(), [], {}
    for number, one in enumerate(profiles):
        day = JudgedDay(
            FIRST + timedelta(days=number),
            MonitorPolicy(),
            baseline=KNOWN,
            facts=facts or Facts(answered=one.rows, records=one.rows, share=1.0),
            profile=one,
            gathered={date: kept[date] for date in state.columns.days},
        )
        kept[day.date] = one
        finding, state = quality.judge(day, state)
        findings.append(finding)
    return findings, state


def ends(finding, cause):
    return any(ending.covers("quality", cause) for ending in finding.endings)


def causes(finding):
    return [alarm.cause for alarm in finding.alarms]


def test_a_column_that_goes_empty_is_told_within_days_at_five_rows_a_day_and_is_over_fifty_rows_later():
    days = [rows(number, 5, without_price=3 <= number < 17) for number in range(30)]
    findings, _ = live(days)
    told = [number for number, finding in enumerate(findings) if "quality:nulls:price" in causes(finding)]
    assert 3 <= told[0] <= 5
    assert told[-1] <= 17
    ended = [number for number, finding in enumerate(findings) if ends(finding, "quality:nulls:price")]
    over = min(number for number in ended if number > told[-1])
    assert 17 < over <= 28
    assert all("quality:nulls:price" in findings[number].standing for number in range(told[0], over))
    assert "quality:nulls:price" not in findings[over].standing
    assert {finding.faulty for finding in findings[told[0] : over]} == {frozenset({"price"})}


def test_one_row_without_a_value_is_no_fault_and_the_day_says_how_many_rows_it_waits_for():
    findings, state = live([rows(0, 1, without_price=True), rows(1, 3)])
    assert [causes(finding) for finding in findings] == [[], []]
    gathered = findings[1].told.gathered
    assert (gathered.rows, gathered.wanted, gathered.since) == (4, 50, FIRST)
    assert state.columns.days == state.block.days == (FIRST, FIRST + timedelta(days=1))
    assert set(state.columns.since.values()) == {FIRST}


def test_one_value_in_all_rows_is_told_of_few_rows_a_day_once_there_are_fifty():
    findings, _ = live([rows(number, 5, shop="north") for number in range(12)])
    told = [number for number, finding in enumerate(findings) if "quality:constant:shop" in causes(finding)]
    assert told == [9]


def test_an_answer_that_is_no_number_is_told_at_once_however_few_there_are():
    (finding,), _ = live([rows(0, 2)], Facts(answered=2, records=2, not_finite=1))
    assert causes(finding) == ["quality:answers"]


def test_a_day_of_many_rows_is_judged_by_itself():
    findings, state = live([rows(0, 100), rows(1, 100, without_price=True), rows(2, 100)])
    assert ["quality:nulls:price" in causes(finding) for finding in findings] == [False, True, False]
    assert all(Ending("quality") in finding.endings for finding in findings)
    assert (state.columns.days, state.block.days, len(state.shares)) == ((), (), 3)


def test_a_fault_that_stands_in_one_column_delays_nothing_that_is_said_of_another():
    """Five rows a day: the price is empty throughout, and the shop is unheard of in two rows of five from day 10 on."""

    def lived(empty):
        days = []
        for number in range(30):
            one = rows(number, 5, without_price=empty, shop="unheard of")
            good = rows(number, 5, without_price=empty)
            shops = one.counts["shop"] * 2 // 5 + good.counts["shop"] * 3 // 5
            days.append(replace(one, counts=one.counts | {"shop": shops}) if number >= 10 else good)
        return live(days)

    (alone, _), (beside, state) = lived(False), lived(True)
    of_shop = [
        [n for n, one in enumerate(told) if "quality:strange:shop" in causes(one)] for told in (alone, beside)
    ]
    assert of_shop[0] == of_shop[1]
    assert "quality:nulls:price" in beside[-1].standing
    assert len(state.columns.days) < 12
    assert all("quality:nulls:price" in one.standing for one in beside[4:])


def test_an_alarm_of_one_column_ends_while_another_columns_stands():
    days = [rows(n, 5, without_price=True, shop="unheard of" if n < 4 else None) for n in range(20)]
    findings, _ = live(days)
    assert "quality:strange:shop" in findings[3].standing
    over = [n for n, one in enumerate(findings) if n > 3 and ends(one, "quality:strange:shop")]
    assert over
    assert over[0] <= 14
    assert not any(ends(one, "quality:nulls:price") for one in findings)


def test_what_a_slice_shows_ends_with_its_column_and_records_by_themselves():
    (finding,), _ = live([rows(0, 5)])
    assert not ends(finding, "quality:nulls:price:slice:shop=north")
    assert ends(finding, "quality:answers")
    (finding,), _ = live([rows(0, 60)])
    assert ends(finding, "quality:nulls:price:slice:shop=north")
    assert finding.endings == {Ending("quality")}


def test_a_drift_window_that_lacks_rows_says_how_many_it_has():
    state, told = drift.DriftState(), []
    for number in range(20):
        window = [rows(before, 3) for before in range(number)]
        day = JudgedDay(
            FIRST + timedelta(days=number),
            MonitorPolicy(),
            baseline=KNOWN,
            profile=rows(number, 3),
            window=window,
        )
        finding, state = drift.judge(day, state)
        told.append(finding.told.gathered)
    assert told[:13] == [None] * 13
    assert (told[-1].rows, told[-1].wanted) == (60, 150)


def labelled(state, counts, loss=1.0):
    told = []
    for number, count in enumerate(counts):
        day = JudgedDay(
            FIRST + timedelta(days=number), MonitorPolicy(), champion=1, losses={1: DayLoss(count, loss)}
        )
        finding, state = performance.judge(day, state)
        told.append(finding.told)
    return told, state


def started():
    """A detector whose reference has 60 labels a day."""
    return performance.PerformanceState.start(KNOWN, {}, MonitorPolicy().performance)


def test_days_with_far_fewer_labels_than_the_reference_add_up_to_a_sample():
    told, state = labelled(started(), [5, 5, 5, 60])
    wanted = [None if one.gathered is None else (one.gathered.rows, one.gathered.wanted) for one in told]
    assert wanted == [(5, 15), (10, 15), None, None]
    assert state.watch.detector.days == 2


def test_a_reference_of_other_traffic_is_given_up_for_the_first_live_days():
    told, state = labelled(started(), [2] * 7 + [2] * 28)
    assert told[6].gathered.rows == 14
    assert told[7].reference_days == 1
    assert state.watch.detector.reference.days == 28
    assert state.watch.source == "first live days"


async def test_ten_rows_a_day_raise_and_close_a_quality_alarm_over_the_service(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    for number in range(8):
        features, sold = table_of_day(number, rows=10)
        if number < 2:
            features["shop"][:] = "unheard of"
        await service.rows(number, features, 2 * features["price"])
        await service.labels(number, sold)
    days = await service.closed(8)
    (found,) = [one for one in await alarms(service) if one["cause"] == "quality:strange:shop"]
    assert (found["state"], found["opened_day"]) == ("closed", days[0]["day"])
    assert days[4]["standing"] == ["quality:strange:shop"]
    assert found["closed_day"] == days[6]["day"]
    assert days[7]["quality"]["gathered"] == {"rows": 10, "wanted": 50, "since": days[7]["day"]}
    page = (await service.call("GET", "/v1/monitors/sales/report")).text
    assert "of 50 rows gathered since" in page


@pytest.mark.parametrize("group", sparse.GROUPS)
def test_the_simulations_of_few_rows_are_among_those_that_are_run(group):
    assert measurements.GROUPS[group] is sparse.GROUPS[group]


def test_few_rows_a_day_raise_no_false_alarm_and_a_gate_on_few_months_is_not_rash():
    assert measure("quality", 20, sparse.faulty, 5, 0.02, 0.02).share <= 0.05
    assert measure("found", 20, sparse.faulty, 5, 0.02, 1.0, 1, unit="days").median <= 3
    assert measure("gate", 1000, sparse.few_blocks, 0.2, 6, 1.0).share < 0.1
    assert measure("performance", 50, sparse.risen, 5, 28, 1000).share <= 0.04
