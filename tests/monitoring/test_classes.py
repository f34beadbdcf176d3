"""Answers of many classes are judged like any other: by their loss, their mix, their confidence, and side by side."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace_monitoring.ingest.answers import Answers
from millrace_stats import tasks

from .flowers import (
    KINDS,
    SIGNATURE,
    TASK,
    flower_monitor,
    flower_record,
    flowers_of_day,
    probabilities,
    version,
)
from .gateway import send
from .sales import START, labels_of, rows_of


async def day_of_flowers(service, number, answered=1.0, rows=60, **more):
    """One day through the gateway, as one request, with its labels."""
    features, kinds = flowers_of_day(number, rows=rows, **more)
    at = START + timedelta(days=number, hours=3)
    answers = probabilities(features["price"], answered)
    await send(service.otlp_port, [flower_record(f"d{number}-0", features, answers, at)])
    await label(service, number, kinds)
    return features, kinds


async def label(service, number, kinds):
    labels = [
        one | {"value": kind}
        for one, kind in zip(labels_of(number, np.zeros(len(kinds)), size=10**6), kinds, strict=True)
    ]
    through = (START + timedelta(days=number + 1)).isoformat()
    await service.call(
        "POST", "/v1/monitors/sales/labels", json={"labels": labels, "complete_through": through}
    )


async def test_a_day_closes_with_the_log_loss_of_the_served_vectors(service):
    await service.declare(flower_monitor(version(service.registry, 1)))
    features, kinds = await day_of_flowers(service, 0)
    (day,) = await service.closed(1)
    wanted = TASK.losses(TASK.encode(kinds, KINDS), probabilities(features["price"])).mean()
    assert day["rows"] == day["labelled"] == 60
    assert day["loss"] == pytest.approx(wanted, rel=1e-4)
    assert day["served"]["loss"] == pytest.approx(wanted, rel=1e-4)
    assert day["quality"]["served_compared"] == 60
    assert day["quality"]["served_differs"] == 0


async def test_rows_without_an_answer_are_scored_by_the_graph(service):
    await service.declare(flower_monitor(version(service.registry, 1), mode="backtest"))
    features, kinds = flowers_of_day(0)
    rows = rows_of(0, features, None, size=10**6)
    await service.call("POST", "/v1/monitors/sales/predictions", json={"rows": rows})
    await label(service, 0, kinds)
    (day,) = await service.closed(1)
    assert day["loss"] > 0
    assert day["served"] is None
    assert not any("answers" in cause for cause in day["standing"])


async def test_a_served_vector_that_is_not_the_graphs_own_is_named(service):
    await service.declare(flower_monitor(version(service.registry, 1)))
    await day_of_flowers(service, 0, answered=0.9)
    (day,) = await service.closed(1)
    assert "quality:served" in day["standing"]
    assert day["quality"]["served_differs"] == 60


async def test_the_predicted_mix_and_the_confidence_drift_after_two_windows(service):
    policy = {"drift": {"window_days": 7}}
    await service.declare(flower_monitor(version(service.registry, 1), policy=policy))
    for number in range(21):
        await day_of_flowers(service, number, rows=90, price=10.0 if number < 7 else 12.5)
    days = await service.closed(21)
    firing = [set(day["drift"]["window"]["firing"]) for day in days if day["drift"].get("window")]
    assert "__prediction__" not in firing[0]
    assert {"price", "__prediction__"} <= firing[1]
    assert set(days[0]["drift"]["psi"]) == {"price", "__prediction__", "__confidence__"}
    assert [day["day"] for day in days for one in day["alarms"] if one["kind"] == "drift"] == ["2024-03-21"]


@pytest.mark.slow
async def test_an_archived_version_with_the_better_log_loss_is_proposed(service):
    archived = version(service.registry, 1)
    champion = version(service.registry, 2, sharpness=6.0)
    await service.declare(flower_monitor(archived))
    for number in range(20):
        await day_of_flowers(service, number)
    await service.closed(20)
    await service.declare(flower_monitor(champion, [archived]))
    for number in range(20, 41):
        await day_of_flowers(service, number, answered=6.0)
    days = await service.closed(41)
    proposed = [day["switch_back"] for day in days if day["switch_back"]]
    assert proposed
    assert proposed[0]["version"] == 1
    assert proposed[0]["evidence"]["gain"] > 0.02


async def test_mirrored_vectors_are_paired_and_compared_by_their_losses(service):
    await service.declare(flower_monitor(version(service.registry, 1)))
    features, kinds = flowers_of_day(0, rows=600)
    answers, shadow = probabilities(features["price"]), probabilities(features["price"], 0.2)
    records = [
        flower_record("d0-0", features, answers),
        flower_record("d0-0", features, shadow, listener="shadow", revision="sales--r2"),
    ]
    await send(service.otlp_port, records)
    await label(service, 0, kinds)
    await service.closed(1)
    span = {"since": START.isoformat(), "until": (START + timedelta(days=1)).isoformat()}
    arms = await service.call("GET", "/v1/monitors/sales/arms", params=span)
    assert arms["mirrored"]["pairs"] == arms["mirrored"]["labelled"] == 600
    labels = TASK.encode(kinds, KINDS)
    wanted = (TASK.losses(labels, shadow) - TASK.losses(labels, answers)).mean()
    assert arms["mirrored"]["loss_difference"] == pytest.approx(wanted, rel=1e-3)
    assert arms["mirrored"]["psi"] > 0.25
    assert [(arm["rows"], arm["nan"], arm["constant"]) for arm in arms["revisions"]] == [(600, 0, False)] * 2


@pytest.mark.parametrize("task", tasks.NAMES)
def test_answers_agree_row_by_row_also_where_both_are_missing(task):
    answers = Answers(tasks.of(task), KINDS if task == "multiclass" else ())
    first = answers.task.empty(4, answers.classes)
    first[1:] = 0.5
    second = first.copy()
    second[2] = 0.6
    second[3] = np.nan
    assert answers.same(first, second, 1e-4).tolist() == [True, True, False, False]
    merged = answers.chosen_where(np.array([True, False, False, False]), second, first)
    assert np.array_equal(merged, first, equal_nan=True)


async def test_feedback_and_the_report_name_the_classes_as_the_data_does(service):
    await service.declare(flower_monitor(version(service.registry, 1)))
    told = [await day_of_flowers(service, number) for number in range(2)]
    await service.closed(2)
    data = (await service.call("GET", "/v1/monitors/sales/feedback")).content
    table = pq.read_table(pa.BufferReader(data))
    assert table.column_names == ["sold_at", "price", "shop_name", "kind"]
    assert table["kind"].to_pylist() == [kind for _, kinds in told for kind in kinds]
    page = (await service.call("GET", "/v1/monitors/sales/report")).text
    assert "Answered classes by day (2024-03-01 to 2024-03-02)" in page
    assert all(kind in page for kind in KINDS)
    assert page.count("<svg") == 6


async def test_feedback_of_a_closed_day_names_the_classes_that_it_was_closed_with(service):
    champion = version(service.registry, 1)
    await service.declare(flower_monitor(champion))
    _, kinds = await day_of_flowers(service, 0)
    await service.closed(1)
    outputs = [{"name": "probabilities", "datatype": "FP32", "width": 4}, SIGNATURE["outputs"][1]]
    signature = SIGNATURE | {"classes": ["aster", *KINDS], "outputs": outputs}
    await service.declare(flower_monitor(champion, signature=signature))
    data = (await service.call("GET", "/v1/monitors/sales/feedback")).content
    assert pq.read_table(pa.BufferReader(data))["kind"].to_pylist() == kinds
    page = (await service.call("GET", "/v1/monitors/sales/report")).text
    assert "No answer of these days was logged." in page


def with_another_class(answers):
    """What a model that was trained with one more class answers."""
    return np.column_stack([0.9 * answers, np.full(len(answers), 0.1)])


async def test_a_revision_with_another_class_is_not_taken_for_one_that_answers_no_numbers(service):
    await service.declare(flower_monitor(version(service.registry, 1)))
    features, kinds = flowers_of_day(0, rows=600)
    answers = probabilities(features["price"])
    candidate = {"listener": "shadow", "revision": "sales--r2"}
    records = [
        flower_record("d0-0", features, answers),
        flower_record("d0-0", features, with_another_class(answers), **candidate),
    ]
    await send(service.otlp_port, records)
    span = {"since": START.isoformat(), "until": (START + timedelta(days=1)).isoformat()}
    for closed in (False, True):
        if closed:
            await label(service, 0, kinds)
            await service.closed(1)
        arms = await service.call("GET", "/v1/monitors/sales/arms", params=span)
        assert [(arm["rows"], arm["nan"]) for arm in arms["revisions"]] == [(600, 0)] * 2
        assert arms["mirrored"]["pairs"] == 600
        assert (arms["mirrored"]["psi"], arms["mirrored"]["labelled"]) == (None, 0)


async def test_a_day_with_answers_of_a_model_with_another_class_has_no_quality_alarm(service):
    await service.declare(flower_monitor(version(service.registry, 1)))
    features, kinds = flowers_of_day(0)
    answers = with_another_class(probabilities(features["price"]))
    record = flower_record("d0-0", features, answers, START + timedelta(hours=3), revision="sales--r2")
    await send(service.otlp_port, [record])
    await label(service, 0, kinds)
    (day,) = await service.closed(1)
    wanted = TASK.losses(TASK.encode(kinds, KINDS), probabilities(features["price"])).mean()
    assert day["standing"] == []
    assert day["loss"] == pytest.approx(wanted, rel=1e-4)


async def test_versions_with_fewer_classes_are_scored_as_what_they_know(service):
    fewer = version(service.registry, 1) | {"classes": KINDS}
    await service.declare(flower_monitor(fewer))
    features, kinds = flowers_of_day(0)
    answers = probabilities(features["price"])
    await send(service.otlp_port, [flower_record("d0-0", features, answers, START + timedelta(hours=3))])
    outputs = [{"name": "probabilities", "datatype": "FP32", "width": 4}, SIGNATURE["outputs"][1]]
    signature = SIGNATURE | {"classes": ["aster", *KINDS], "outputs": outputs}
    champion = version(service.registry, 2) | {"classes": ["aster", *KINDS]}
    later = (START + timedelta(days=1)).isoformat()
    await service.declare(flower_monitor(champion | {"effective_from": later}, [fewer], signature=signature))
    await label(service, 0, kinds)
    (day,) = await service.closed(1)
    wanted = TASK.losses(TASK.encode(kinds, KINDS), answers).mean()
    assert day["loss"] == pytest.approx(wanted, rel=1e-4)
    assert day["standing"] == []
