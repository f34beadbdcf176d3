"""A loop that `millrace init` wrote becomes one that kubectl takes, by `millrace export`."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft4Validator

from millrace import crd
from millrace.cli.main import main
from millrace.documents import load
from millrace_contracts.loop import ModelLoop

PENGUINS = Path(__file__).parents[1] / "loop" / "penguins.csv"


def strict(node):
    """The definition's schema, with unknown fields refused as kubectl's strict validation does."""
    if not isinstance(node, dict):
        return node
    made = {key: strict(value) for key, value in node.items() if key != "properties"}
    if "properties" in node:
        made["properties"] = {name: strict(value) for name, value in node["properties"].items()}
    if "properties" in made and not made.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = False
    if made.pop("nullable", False) and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def taken(document):
    """What the API server's schema has against a document."""
    (version,) = crd.definition()["spec"]["versions"]
    spec = strict(version["schema"]["openAPIV3Schema"]["properties"]["spec"])
    return [error.message for error in Draft4Validator(spec).iter_errors(document["spec"])]


@pytest.fixture
def drafted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "penguins.csv").write_bytes(PENGUINS.read_bytes())
    assert main(["init", "penguins", "--data", "penguins.csv", "--target", "species"]) == 0
    return tmp_path / "penguins.yaml"


def test_what_init_writes_is_not_for_kubectl_and_what_export_makes_is(drafted, capsys):
    assert taken(yaml.safe_load(drafted.read_text())), "a contract by the name of its file"
    capsys.readouterr()
    assert main(["export", "-f", "penguins.yaml"]) == 0
    said = capsys.readouterr()
    made = yaml.safe_load(said.out)
    assert taken(made) == []
    assert "millrace data push penguins penguins.csv" in said.err
    assert set(made) == {"apiVersion", "kind", "metadata", "spec"}


def test_it_is_the_same_loop(drafted, tmp_path):
    assert main(["export", "-f", "penguins.yaml", "--out", "kube.yaml"]) == 0
    before = load(drafted).model_dump(mode="json", by_alias=True, exclude={"spec": {"data": {"source"}}})
    after = ModelLoop.model_validate(yaml.safe_load((tmp_path / "kube.yaml").read_text()))
    assert after.model_dump(mode="json", by_alias=True, exclude={"spec": {"data": {"source"}}}) == before


def test_a_project_becomes_the_namespace(drafted, capsys):
    drafted.write_text(drafted.read_text().replace("{name: penguins}", "{name: penguins, project: team-a}"))
    capsys.readouterr()
    assert main(["export", "-f", "penguins.yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["metadata"] == {"name": "penguins", "namespace": "team-a"}


def test_what_lies_on_this_machine_is_refused_with_the_way(drafted, capsys):
    text = drafted.read_text().replace(
        "    seed: 7", "    code: {path: training, entry: 'train:main'}\n    seed: 7"
    )
    drafted.write_text(text)
    assert main(["export", "-f", "penguins.yaml"]) != 0
    assert "millrace code push training" in capsys.readouterr().err
