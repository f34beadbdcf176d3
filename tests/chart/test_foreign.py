"""What the chart makes for other projects' controllers fits those projects' own definitions."""

import kubernetes_validate
import pytest
from tests.chart import foreign, resources
from tests.chart.howtos import Mistake
from tests.chart.rendering import case_objects, one


def test_a_definition_sees_a_misspelled_field_and_a_wrong_type():
    monitor = one(case_objects("production"), "PodMonitor", "millrace-services")
    assert foreign.problems(monitor) == []
    monitor["spec"]["podMetricsEndpoints"][0]["intervall"] = "15s"
    monitor["spec"]["selector"]["matchLabels"] = ["x"]
    said = " ".join(foreign.problems(monitor))
    assert "intervall" in said
    assert "$.selector.matchLabels" in said
    with pytest.raises(Mistake, match="intervall"):
        resources.check(monitor)


@pytest.mark.parametrize("item", foreign.definitions().values(), ids=lambda item: item["kind"])
def test_a_definition_is_one_that_a_cluster_takes_and_tells_whence_it_is(item):
    kubernetes_validate.validate(foreign.crd(item), "1.34", strict=True)
    assert item["licence"] == "Apache-2.0"
    assert " v" in item["source"]
