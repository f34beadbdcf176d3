"""The gateway as the chart runs it: it asks for keys unless it is told not to, and it is drained before it ends."""

import runpy

import pytest
from tests.chart.rendering import ROOT, case_objects, one, render
from tests.serving.test_draining import DRAIN, FLAGS

PUBLIC = "MILLRACE_GATEWAY_PUBLIC"


def spec(objects, component):
    return one(objects, "Deployment", f"millrace-{component}")["spec"]["template"]["spec"]


def said(objects):
    """What serving and the gateway are told of who may ask."""
    containers = [spec(objects, "serving")["containers"][0], spec(objects, "gateway")["initContainers"][0]]
    return [{item["name"]: item.get("value") for item in found["env"]}[PUBLIC] for found in containers]


@pytest.mark.parametrize("case", ["default", "production"])
def test_inference_asks_for_a_key_unless_the_values_say_otherwise(case):
    assert said(case_objects(case)) == ["false", "false"]
    assert said(render("--set", "gateway.public=true")) == ["true", "true"]


@pytest.mark.parametrize(
    ("component", "listeners"), [("gateway", ["inference"]), ("edge", ["edge", "plain"])]
)
def test_envoy_is_drained_before_it_ends_by_a_script_of_its_image(component, listeners):
    found = spec(case_objects("production"), component)
    (envoy,) = found["containers"]
    command = envoy["lifecycle"]["preStop"]["exec"]["command"]
    assert command == ["python", "/opt/millrace/services/envoy/drain.py", ",".join(listeners)]
    at = envoy["command"].index(FLAGS[0])
    assert envoy["command"][at : at + len(FLAGS)] == list(FLAGS)
    assert found["terminationGracePeriodSeconds"] >= runpy.run_path(str(DRAIN))["LONGEST_SECONDS"] + 10
    dockerfile = (ROOT / "services" / "Dockerfile").read_text()
    stage = dockerfile.split("FROM python AS envoy")[1].split("FROM ")[0]
    assert "COPY services/envoy /opt/millrace/services/envoy" in stage
