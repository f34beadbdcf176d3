"""skaffold.yaml builds the images the chart asks for, from the Dockerfile there is, and hands each to its value."""

import json
import re

import pytest
import yaml
from tests.chart.rendering import ROOT, pods, render

CONFIG = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
ARTIFACTS = {artifact["image"]: artifact for artifact in CONFIG["build"]["artifacts"]}
RELEASE = CONFIG["deploy"]["helm"]["releases"][1]


def test_every_image_of_the_chart_is_built():
    wanted = {container["image"].rsplit(":", 1)[0] for pod in pods(render()) for container in pod.containers}
    assert wanted <= set(ARTIFACTS)


@pytest.mark.parametrize("image", ARTIFACTS)
def test_an_image_is_built_from_a_target_that_exists_and_its_wheels_come_first(image):
    name, docker = image.rsplit("/", 1)[1], ARTIFACTS[image]["docker"]
    targets = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / docker["dockerfile"]).read_text(), re.MULTILINE)
    assert docker["target"] in targets
    assert docker["target"] == name or docker["buildArgs"] == {"SERVICE": name}
    assert ARTIFACTS[image]["hooks"]["before"] == [{"command": ["make", f".cache/wheels/{name}.done"]}]


def test_every_built_image_reaches_its_value():
    """What skaffold fills in gives the same manifests as the chart's defaults, but for the tag."""
    filled = {key: _fill(template) for key, template in RELEASE["setValueTemplates"].items()}
    arguments = [part for key, value in filled.items() for part in ("--set", f"{key}={value}")]
    images = {container["image"] for pod in pods(render(*arguments)) for container in pod.containers}
    assert images
    assert all(image.endswith(":built") and image.rsplit(":", 1)[0] in ARTIFACTS for image in images)
    assert len(filled) == 3 * len(ARTIFACTS)


def _fill(template):
    """As skaffold does: the variable's suffix is the image's name with `_` for `/`, `-` and `.`."""
    (name, suffix) = re.fullmatch(r"\{\{\.(IMAGE_(?:DOMAIN|REPO_NO_DOMAIN|TAG))_(\w+)\}\}", template).groups()
    (image,) = [image for image in ARTIFACTS if re.sub(r"[/.-]", "_", image) == suffix]
    domain, _, repository = image.partition("/")
    return {"IMAGE_DOMAIN": domain, "IMAGE_REPO_NO_DOMAIN": repository, "IMAGE_TAG": "built"}[name]


@pytest.mark.parametrize("profile", CONFIG["profiles"], ids=lambda profile: profile["name"])
def test_a_profile_sets_values_that_the_chart_knows(profile):
    (patch,) = profile["patches"]
    assert patch["path"] == "/deploy/helm/releases/1/setValues"
    arguments = [
        part for key, value in patch["value"].items() for part in ("--set-json", f"{key}={json.dumps(value)}")
    ]
    assert render(*arguments) != render()


def test_ports_lead_to_services():
    services = {found["metadata"]["name"]: found for found in render() if found["kind"] == "Service"}
    for forward in CONFIG["portForward"]:
        assert forward["port"] in [
            port["port"] for port in services[forward["resourceName"]]["spec"]["ports"]
        ]
