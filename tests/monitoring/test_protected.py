"""Groups of protected attributes in production: summed by day, compared over any span; what the log lacks is named."""

import numpy as np

from millrace_contracts.decisions import rounded
from millrace_contracts.fairness import FairnessDay, FairnessSpec
from millrace_contracts.signature import Input
from millrace_monitoring.profiles import protected
from millrace_stats import tasks

from .sales import monitor, table_of_day

ATTRIBUTES = {"attributes": [{"column": "shop_name"}, {"column": "faith"}], "minimumRows": 20}
INPUTS = [
    Input.model_validate({"name": "sex", "datatype": "BYTES", "column": "sex", "kind": "category"}),
    Input.model_validate({"name": "old", "datatype": "FP32", "column": "old", "kind": "boolean"}),
    Input.model_validate({"name": "age", "datatype": "FP32", "column": "age", "kind": "number"}),
]


def day(draw, spec, drawn=False, rows=60):
    sex = np.array(draw.choice(["m", "f"], rows, p=[0.7, 0.3]), object)
    columns = {
        "sex": sex,
        "old": draw.integers(0, 2, rows).astype(np.float32),
        "age": draw.integers(20, 80, rows) * 1.0,
    }
    answers = np.clip(0.6 - 0.4 * (sex == "f") + 0.2 * draw.normal(size=rows), 0.01, 0.99)
    labels = draw.integers(0, 2, rows).astype(float)
    labels[:5] = np.nan
    about = (tasks.of("binary"), ("no", "yes"), INPUTS, columns, answers, labels, drawn)
    return protected.of_day(FairnessSpec.model_validate(spec), *about)


def test_days_add_up_to_a_comparison_in_which_each_day_is_one_block():
    draw = np.random.default_rng(6)
    spec = {
        "attributes": [{"column": "sex"}, {"column": "old"}, {"column": "age", "edges": [50]}],
        "minimumRows": 50,
    }
    days = [day(draw, spec) for _ in range(14)]
    lines, left_out = protected.together(FairnessSpec.model_validate(spec), days)
    assert left_out == []
    by_name = {(line.attribute, line.group): line for line in lines}
    assert {group for attribute, group in by_name if attribute == "old"} == {"true", "false"}
    assert {group for attribute, group in by_name if attribute == "age"} == {"below 50", "50 and more"}
    women = by_name["sex", "f"]
    assert women.blocks == 14
    assert by_name["sex", "m"].reference
    assert women.rows + by_name["sex", "m"].rows == 14 * 60
    metrics = {item.metric: item for item in women.metrics}
    assert metrics["selection_rate"].gap.upper < -0.3
    assert metrics["loss"].rows < metrics["selection_rate"].rows, (
        "a row without a label says whether it was selected"
    )


def test_what_days_cannot_compare_together_is_named():
    draw = np.random.default_rng(7)
    spec = {"attributes": [{"column": "sex", "reference": "d"}, {"column": "age"}], "minimumRows": 10}
    days = [day(draw, spec) for _ in range(4)]
    lines, left_out = protected.together(FairnessSpec.model_validate(spec), days)
    assert {line.attribute for line in lines} == {"age"}
    assert "no row of the reference group 'd'" in left_out[0]
    assert "age: of days on which it had more than 20 values" in left_out[1]


def test_a_day_whose_labels_were_drawn_for_people_says_only_who_was_selected():
    found = day(np.random.default_rng(1), {"attributes": [{"column": "sex"}]}, drawn=True)
    sums = found.groups["sex"]["m"].sums
    assert sums["selection_rate"][1] > 0
    assert sums["error_rate"] == (0.0, 0)
    assert found.left_out == [protected.REVIEWED]


def test_a_label_beyond_all_bounds_stops_no_day():
    spec = FairnessSpec.model_validate({"attributes": [{"column": "old"}]})
    columns = {"old": np.array([0.0, 1.0, 0.0, 1.0], np.float32)}
    about = (tasks.of("regression"), (), INPUTS, columns, np.ones(4), np.array([1.0, 2.0, 1e200, 3.0]), False)
    found = protected.of_day(spec, *about)
    assert "loss" not in found.groups["old"]["false"].sums
    assert found.groups["old"]["true"].sums["loss"] == (5.0, 2)
    assert "loss of a day" in found.left_out[0]
    assert FairnessDay.model_validate(rounded(found.model_dump(mode="json"))).groups.keys() == {"old"}


def test_what_is_no_input_of_the_model_is_named():
    found = day(np.random.default_rng(1), {"attributes": [{"column": "faith"}]})
    assert found.groups == {}
    assert "faith: no plain input of the model" in found.left_out[0]
    strange = day(np.random.default_rng(1), {"attributes": [{"column": "sex"}], "favourable": "maybe"})
    assert "'maybe' is none of the model's" in strange.left_out[0]


async def test_a_monitor_tells_its_groups_over_closed_days(service):
    version = service.registry.version(1, 2.0)
    await service.declare(monitor(version, fairness=ATTRIBUTES))
    for number in range(4):
        features, sold = table_of_day(number)
        await service.rows(number, features, 2 * features["price"])
        await service.labels(number, sold)
    await service.closed(4)
    told = await service.call("GET", "/v1/monitors/sales/fairness")
    assert told["days"] >= 3
    groups = told["fairness"]["groups"]
    assert {line["attribute"] for line in groups} == {"shop_name"}
    assert any("faith" in words for words in told["fairness"]["left_out"])
    assert {item["metric"] for item in groups[0]["metrics"]} == {"loss", "mean_error"}
    some = await service.call("GET", f"/v1/monitors/sales/fairness?since={told['until']}")
    assert some["days"] == 1
    report = await service.call("GET", "/v1/monitors/sales/report")
    assert "Groups of protected attributes" in report.text


async def test_a_monitor_without_attributes_tells_none(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    told = await service.call("GET", "/v1/monitors/sales/fairness")
    assert told == {"since": None, "until": None, "days": 0, "fairness": None}
