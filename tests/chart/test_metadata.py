"""What a published chart says of itself: its icon, what changed, and a page of its values that is fresh."""

import base64
import subprocess

import pytest
import yaml
from charts import reference
from tests.chart.rendering import CHART, ROOT
from tests.chart.tools import helm

META = yaml.safe_load((CHART / "Chart.yaml").read_text())
KINDS = {"added", "changed", "deprecated", "removed", "fixed", "security"}
"""As Artifact Hub knows them."""


def test_the_icon_is_the_file_beside_it():
    kind, _, data = META["icon"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data).decode() == (CHART / "icon.svg").read_text().rstrip("\n")


def test_changes_are_as_a_hub_reads_them():
    changes = yaml.safe_load(META["annotations"]["artifacthub.io/changes"])
    assert changes
    assert all(set(change) == {"kind", "description"} and change["kind"] in KINDS for change in changes)
    assert f"## {META['version']}" in (ROOT / "CHANGELOG.md").read_text()


def test_helm_finds_nothing_wrong_with_the_chart():
    done = subprocess.run(
        [helm(), "lint", str(CHART), "--strict"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "icon" not in done.stdout, done.stdout


def test_the_page_of_values_is_fresh():
    assert reference.PAGE.read_text() == reference.page(), "run 'make k8s-render'"


def leaves(tree, path=()):
    for key, value in tree.items():
        below = isinstance(value, dict) and value and key not in ("requests", "limits")
        yield from leaves(value, (*path, key)) if below else [".".join((*path, key))]


@pytest.mark.parametrize("section", yaml.safe_load((CHART / "values.yaml").read_text()))
def test_the_page_names_every_value(section):
    written = reference.PAGE.read_text()
    tree = yaml.safe_load((CHART / "values.yaml").read_text())
    for name in leaves({section: tree[section]}):
        shown = name if f"| `{name}` |" in written else name.rpartition(".")[0]
        assert f"| `{shown}` |" in written, name
