"""Events of OpenLineage are sent by training and the controller alone, and only where a receiver is named."""

import pytest
from tests.chart.rendering import Refused, pods, render

NAMED = ("--set", "openlineage.url=https://marquez.example", "--set", "openlineage.existingSecret=marquez")


def environments(*arguments):
    """The variables about OpenLineage by component, of every pod that has any."""
    found = {}
    for pod in pods(render(*arguments)):
        for container in pod.containers:
            told = {
                item["name"].removeprefix("MILLRACE_OPENLINEAGE_"): item.get("value", item.get("valueFrom"))
                for item in container.get("env", [])
                if "OPENLINEAGE" in item["name"]
            }
            if told:
                found[pod.component] = told
    return found


def test_by_default_nothing_is_sent():
    assert {told["URL"] for told in environments().values()} == {""}


def test_a_receiver_is_told_with_its_key_by_reference():
    told = environments(*NAMED)
    assert set(told) == {"training", "controller"}
    key = {"secretKeyRef": {"name": "marquez", "key": "apiKey"}}
    expected = {"URL": "https://marquez.example", "NAMESPACE": "millrace", "KEY": key}
    assert all(item == expected for item in told.values())


def test_another_port_is_opened_for_these_two():
    rule = "networkPolicy.openlineage[0].ports[0].port=5000"
    open_to = {
        item["metadata"]["name"]
        for item in render("--set", rule)
        if item["kind"] == "NetworkPolicy" and {"ports": [{"port": 5000}]} in item["spec"].get("egress", [])
    }
    assert open_to == {"millrace-training", "millrace-controller"}


@pytest.mark.parametrize("url", ["http://me:secret@marquez.example", "kafka://broker/topic", "file:///tmp/x"])
def test_a_password_in_the_url_and_what_is_not_offered_are_refused(url):
    with pytest.raises(Refused, match="openlineage"):
        render("--set", f"openlineage.url={url}")
