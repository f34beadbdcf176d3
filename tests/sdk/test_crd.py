"""The resource definition is made from the SDK's schema, is fresh, and is one that API servers take."""

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from millrace import crd
from millrace_contracts.loop import Spec

ROOT = Path(__file__).parents[2]
FORBIDDEN = {"$ref", "$defs", "anyOf", "allOf", "oneOf", "const", "title", "propertyNames", "discriminator"}


def schema():
    (version,) = crd.definition()["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]


def nodes(node, path="document"):
    yield path, node
    for name, inner in node.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if name in node:
            yield from nodes(node[name], f"{path}[]")


@pytest.mark.parametrize("file", ["charts/millrace-crds/templates/modelloops.yaml", "k8s/crds.yaml"])
def test_the_written_definition_is_fresh(file):
    assert (ROOT / file).read_text(encoding="utf-8") == crd.text(), "run 'make crds'"


def test_a_chart_can_hold_it_as_it_is():
    assert "{{" not in crd.text()


def test_every_part_has_one_type_and_nothing_by_reference():
    for path, node in nodes(schema()):
        if path != "document.spec.training.variants":
            assert isinstance(node.get("type"), str), path
            assert not FORBIDDEN & node.keys(), path
        assert ("properties" in node) + ("additionalProperties" in node) < 2, path


def test_a_list_that_may_be_one_word_is_bound_by_its_values():
    node = schema()["properties"]["spec"]["properties"]["training"]["properties"]["variants"]
    assert "type" not in node, "nothing can have two types but this way"
    assert node["x-kubernetes-preserve-unknown-fields"] is True
    words = node["items"]["enum"]
    word, one, several = node["anyOf"]
    assert word == {"enum": words}
    assert one == {"minItems": 1, "not": {"minItems": 2}}
    assert several["not"] == {"minItems": 21}
    assert set(words) - set(several["items"]["enum"]) == {"none"}


def test_every_field_that_may_be_null_says_so_and_has_no_default():
    spec = schema()["properties"]["spec"]["properties"]
    assert spec["data"]["properties"]["eventTime"]["nullable"]
    for path, node in nodes(schema()):
        assert not (node.get("nullable") and "default" in node), path


def test_defaults_are_those_of_the_sdk():
    least = {"task": "regression", "target": "y", "data": {"dataset": "d"}}

    def filled(node, value):
        if node.get("type") == "array":
            return [filled(node["items"], item) for item in value]
        if not isinstance(value, dict) or "properties" not in node:
            return value
        known = node["properties"]
        value = {name: inner["default"] for name, inner in known.items() if "default" in inner} | value
        return {name: filled(known[name], inner) for name, inner in value.items()}

    spec = schema()["properties"]["spec"]
    given = filled(spec, least)
    assert given == Spec.model_validate(least).model_dump(mode="json", by_alias=True, exclude_none=True)


def test_every_check_of_the_sdk_is_said_in_cel_too():
    def models(model):
        yield model
        for field in model.model_fields.values():
            for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
                if isinstance(kind, type) and issubclass(kind, BaseModel):
                    yield from models(kind)

    checked = {model.__name__ for model in models(Spec) if model.__pydantic_decorators__.model_validators}
    assert checked == set(crd.RULES)


def test_what_kubectl_shows():
    (version,) = crd.definition()["spec"]["versions"]
    shown = [column["name"] for column in version["additionalPrinterColumns"] if "priority" not in column]
    assert shown == ["Ready", "Phase", "Champion", "Candidate", "Canary%", "Reason", "Data", "Age"]
    names = crd.definition()["spec"]["names"]
    assert (names["shortNames"], names["categories"]) == (["ml"], ["millrace"])


def test_the_module_writes_the_files_it_is_given(tmp_path, monkeypatch):
    file = tmp_path / "new" / "crd.yaml"
    monkeypatch.setattr("sys.argv", ["crd", str(file)])
    crd.main()
    assert yaml.safe_load(file.read_text())["metadata"]["name"] == "modelloops.millrace.dev"
