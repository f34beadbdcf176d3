"""What a published chart says of itself: its icon, what changed, and a page of its values that is fresh."""

import base64
import subprocess
import tarfile

import pytest
import yaml
from charts import reference
from tests.chart import resources
from tests.chart.rendering import CASES, CHART, HELMS, ROOT, Refused, text, values
from tests.chart.test_values import helm_or_skip
from tests.chart.tools import helm

META = yaml.safe_load((CHART / "Chart.yaml").read_text())
CRDS = ROOT / "charts" / "millrace-crds"
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


@pytest.mark.parametrize("which", HELMS)
@pytest.mark.parametrize(
    "given",
    [(CHART,), (CRDS,), *((CHART, *values(case)) for case in CASES)],
    ids=["chart", "definition", *CASES],
)
def test_helm_finds_nothing_wrong_with_the_charts(given, which):
    helm_or_skip(which)
    command = [helm(HELMS[which]), "lint", *map(str, given), "--strict"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "[" not in done.stdout, done.stdout


def test_the_pages_of_values_are_fresh():
    assert reference.PAGE.read_text() == reference.page(), "run 'make k8s-render'"
    assert reference.README.read_text() == reference.page(reference.PACKED), "run 'make k8s-render'"


def test_a_package_of_the_chart_has_its_readme_its_production_values_and_no_test_values(tmp_path):
    for chart in (CHART, CRDS):
        subprocess.run([helm(), "package", str(chart), "-d", str(tmp_path)], check=True, capture_output=True)
    (package,) = tmp_path.glob("millrace-0*.tgz")
    with tarfile.open(package) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"README.md", "values-production.yaml", "values.schema.json", "dashboards/models.json"} <= names
    assert not [name for name in names if name.startswith("ci/")]
    shown = subprocess.run(
        [helm(), "show", "readme", str(package)], check=True, capture_output=True, text=True
    )
    assert "| `registry.storage.url` |" in shown.stdout


def test_the_chart_of_the_definition_says_what_is_in_it():
    meta = yaml.safe_load((CRDS / "Chart.yaml").read_text())
    assert meta["icon"] == META["icon"]
    assert (meta["version"], meta["kubeVersion"]) == (META["version"], META["kubeVersion"])
    (told,) = yaml.safe_load(meta["annotations"]["artifacthub.io/crds"])
    crd = yaml.safe_load((ROOT / "k8s" / "crds.yaml").read_text())
    assert told["name"] == crd["metadata"]["name"]
    assert (told["kind"], told["version"]) == (
        crd["spec"]["names"]["kind"],
        crd["spec"]["versions"][0]["name"],
    )
    for example in yaml.safe_load(meta["annotations"]["artifacthub.io/crdsExamples"]):
        resources.check(example)


def test_every_kubernetes_from_1_30_gets_the_same_and_an_older_one_is_refused():
    told = {version: text("--kube-version", version) for version in ("1.30.0", "1.33.5-gke.1200", "1.37.1")}
    assert len(set(told.values())) == 1
    for chart in (CHART, CRDS):
        with pytest.raises(Refused, match=r"1\.30\.0"):
            text("--kube-version", "1.29.12", chart=chart)


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
