"""Labels: each names its class by the signature; what names none is refused, counted, and costs no other label."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from millrace_monitoring.labels import queries

from .sales import SIGNATURE, START, labels_of, monitor, table_of_day

PATH = "/v1/monitors/sales/labels"
AT = (START + timedelta(days=1)).isoformat()


def of_classes(service, classes, **more):
    signature = SIGNATURE | {
        "outputs": [{"name": "probability", "datatype": "FP32"}],
        "task": "binary",
        "classes": classes,
    }
    return monitor(service.registry.version(1, 2.0), task="binary", signature=signature, **more)


def label(value, name="q-0", index=0):
    return {"request_id": name, "index": index, "value": value, "at": AT}


async def push(service, *values, **more):
    sent = [label(value, f"q-{place}") for place, value in enumerate(values)]
    return await service.call("POST", PATH, json={"labels": sent} | more)


def counted():
    """What the metrics tell of refused labels."""
    return REGISTRY.get_sample_value("millrace_labels_refused_total", {"endpoint": "sales"}) or 0.0


async def stored(service, count):
    """Classes by their place; None where no label is stored."""
    names = [f"q-{place}" for place in range(count)]
    async with service.app.state.services.readers() as session:
        truths = await queries.of(session, "default", "sales", names)
    numbers = {truth.request_id: truth.value for truth in truths}
    return [numbers.get(name) for name in names]


@pytest.mark.parametrize(
    ("classes", "values", "places"),
    [
        ([1, 2], [1, 2, 0, "1", "2", "0", 1.0, "2.0", 1.5], [0, 1, None, 0, 1, None, 0, 1, None]),
        ([-1, 1], [-1, 1, 0, "-1"], [0, 1, None, 0]),
        ([False, True], ["true", "False", True, "TRUE", "yes"], [1, 0, 1, 1, None]),
        (["01", "02"], ["01", "02", "1", 1, 1.0, "2"], [0, 1, None, None, None, None]),
        (["no", "yes"], ["yes", "no", "Yes", 1, True, "nan"], [1, 0, None, None, None, None]),
        ([0, 1], [0, 1, "1", "0.0", 2, "true"], [0, 1, 1, 0, None, None]),
    ],
)
async def test_a_label_is_the_class_it_names_or_is_refused(service, classes, values, places):
    await service.declare(of_classes(service, classes))
    answer = await push(service, *values)
    assert await stored(service, len(values)) == places
    assert answer["new"] == answer["labelled"] == len([place for place in places if place is not None])
    assert answer["refused"] == places.count(None)


async def test_a_refused_label_is_told_by_its_place_and_costs_no_other(service):
    await service.declare(of_classes(service, ["no", "yes"]))
    answer = await push(service, "yes", "perhaps", "no")
    assert (answer["new"], answer["refused"]) == (2, 1)
    (refusal,) = answer["refusals"]
    assert (refusal["place"], refusal["value"]) == (1, "perhaps")
    assert refusal["reason"] == "is none of the classes no, yes"


async def test_refusals_are_all_counted_and_the_first_twenty_are_told(service):
    await service.declare(of_classes(service, ["no", "yes"]))
    before = counted()
    answer = await push(service, *["x" * 150] * 30, "yes")
    assert (answer["new"], answer["refused"], len(answer["refusals"])) == (1, 30, 20)
    assert all(len(refusal["value"]) <= 100 for refusal in answer["refusals"])
    assert counted() == before + 30


async def test_what_is_complete_is_complete_whatever_was_refused(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, sold = table_of_day(0)
    await service.rows(0, features, 2 * features["price"])
    sent = labels_of(0, sold)
    sent[7] |= {"value": "unknown"}
    through = (START + timedelta(days=1)).isoformat()
    await service.call("POST", PATH, json={"labels": sent, "complete_through": through})
    (day,) = await service.closed(1)
    assert (day["rows"], day["labelled"]) == (60, 59)


async def test_a_refused_correction_leaves_the_label_as_it_is(service):
    await service.declare(of_classes(service, ["no", "yes"]))
    await push(service, "yes")
    assert (await push(service, "maybe"))["refused"] == 1
    assert await stored(service, 1) == [1.0]


@pytest.mark.parametrize("value", ["many", True, 1e301, 10**400, "inf", "", "1_000", "3,5"])
async def test_a_number_is_what_a_regression_takes(service, value):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    if value == "":
        await service.call("POST", PATH, expect=422, json={"labels": [label(value)]})
    else:
        answer = await push(service, 2.5, value)
        assert (answer["new"], answer["refused"]) == (1, 1)


@pytest.mark.parametrize(
    ("text", "number"), [("3.5", 3.5), ("-2", -2.0), ("1e3", 1000.0), ("007", 7.0), (".5", 0.5)]
)
async def test_a_number_may_come_as_text(service, text, number):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    await push(service, text)
    assert await stored(service, 1) == [number]


async def test_labels_of_rows_that_are_not_there_yet_are_taken(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    answer = await service.call("POST", PATH, json={"labels": labels_of(0, [1.0, 2.0])})
    assert (answer["new"], answer["refused"], answer["refusals"]) == (2, 0, [])


MANY = {
    "outputs": [
        {"name": "probabilities", "datatype": "FP32", "width": 3},
        {"name": "class", "datatype": "BYTES"},
    ],
    "task": "multiclass",
}


@pytest.mark.parametrize(
    ("classes", "values", "places"),
    [
        (["blue", "green", "red"], ["red", "blue", "pink"], [2, 0, None]),
        ([1, 2, 10], ["10", 1, "2.0", 0, 3], [2, 0, 1, None, None]),
        (["01", "02", "10"], ["10", "01", "1", 1, 10], [2, 0, None, None, 2]),
    ],
)
async def test_one_of_many_classes_is_the_one_that_is_named(service, classes, values, places):
    signature = SIGNATURE | MANY | {"classes": classes}
    await service.declare(monitor(service.registry.version(1, 2.0), task="multiclass", signature=signature))
    answer = await push(service, *values)
    assert await stored(service, len(values)) == places
    assert answer["refused"] == places.count(None)


async def test_a_label_stays_the_class_that_it_was_when_a_retrained_model_has_others(service):
    def among(*classes):
        signature = SIGNATURE | MANY | {"classes": list(classes)}
        return monitor(service.registry.version(1, 2.0), task="multiclass", signature=signature)

    await service.declare(among("blue", "green", "red"))
    await push(service, "red", "blue", "green")
    await service.declare(among("amber", "blue", "red", "yellow"))
    assert await stored(service, 3) == [2.0, 1.0, -1.0], "green is kept by its name, below all classes"
    await service.declare(among("red", "blue", "amber"))
    assert await stored(service, 3) == [0.0, 1.0, -1.0]
    await service.declare(among("amber", "blue", "green", "red"))
    assert await stored(service, 3) == [3.0, 1.0, 2.0], "a version that knows it again finds it"
    assert (await push(service, "red", "blue"))["unchanged"] == 2


def counts(answer):
    names = ("new", "corrected", "repeated", "contradicted", "refused", "matched", "unmatched")
    return {name: answer[name] for name in names if answer[name]}


async def said(service, *words):
    """Push labels of row q-0: each a value and the hour at which it became known."""
    sent = [
        label(value, "q-0") | {"at": (START + timedelta(hours=hour)).isoformat()} for value, hour in words
    ]
    return counts(await service.call("POST", PATH, json={"labels": sent}))


@pytest.fixture
async def declared(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    return service


async def test_labels_of_rows_that_were_never_predicted_are_kept_and_counted_apart(declared):
    features, sold = table_of_day(0)
    await declared.rows(0, features, 2 * features["price"])
    mine = labels_of(0, sold)
    beyond = mine[0] | {"index": 7_000}
    short = mine[1] | {"request_id": mine[1]["request_id"][:3]}
    answer = await declared.call("POST", PATH, json={"labels": [*mine, beyond, short]})
    assert counts(answer) == {"new": 62, "matched": 60, "unmatched": 2}


async def test_a_row_of_a_closed_day_is_known_still(declared):
    features, sold = table_of_day(0)
    await declared.rows(0, features, 2 * features["price"])
    await declared.labels(0, sold)
    await declared.closed(1)
    late = labels_of(0, sold)[0] | {"value": 1.5, "at": (START + timedelta(days=3)).isoformat()}
    answer = await declared.call("POST", PATH, json={"labels": [late]})
    assert counts(answer) == {"corrected": 1, "matched": 1}


async def test_repeats_contradictions_and_corrections_are_counted_apart(declared):
    assert await said(declared, (5.0, 1)) == {"new": 1, "unmatched": 1}
    assert await said(declared, (5.0, 1), (5.0, 2)) == {"repeated": 2, "unmatched": 2}
    assert await said(declared, (4.0, 1)) == {"contradicted": 1, "unmatched": 1}
    assert await said(declared, (6.0, 3)) == {"corrected": 1, "unmatched": 1}
    assert await stored(declared, 1) == [6.0]


async def test_the_last_word_wins_by_its_own_time_and_at_one_time_by_its_line(declared):
    assert await said(declared, (9.0, 5), (1.0, 2)) == {"new": 1, "contradicted": 1, "unmatched": 2}
    assert await stored(declared, 1) == [9.0]
    assert await said(declared, (3.0, 6), (8.0, 6), (2.0, 6)) == {
        "corrected": 1,
        "contradicted": 2,
        "unmatched": 3,
    }
    assert await stored(declared, 1) == [2.0]


async def test_of_two_requests_that_tell_of_one_time_the_later_holds_whichever_value_is_greater(declared):
    assert await said(declared, (5.0, 1)) == {"new": 1, "unmatched": 1}
    for value in (3.0, 8.0, -1.0):
        assert await said(declared, (value, 1)) == {"corrected": 1, "unmatched": 1}
        assert await stored(declared, 1) == [value]
    assert await said(declared, (-1.0, 1)) == {"repeated": 1, "unmatched": 1}
    assert await said(declared, (9.0, 0)) == {"contradicted": 1, "unmatched": 1}
    assert await stored(declared, 1) == [-1.0]
