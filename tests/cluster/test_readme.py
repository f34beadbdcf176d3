"""The README's steps on Kubernetes, run by bash on a real cluster: from a team's namespace to answers in a pod."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.chart import tools
from tests.chart.readme import ROOT, steps, without

pytestmark = pytest.mark.timeout(1200)
TEAM = "team-q"


@pytest.fixture
def folder(kube, release, tmp_path):
    """What the lines name, for the namespaces and images of these tests; a kubeconfig that may be changed."""
    (tmp_path / "tests" / "loop").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "loop" / "penguins.csv", tmp_path / "tests" / "loop")
    for name in ("rbac/team.yaml", "client.yaml"):
        text = (ROOT / "k8s" / name).read_text().replace("team-a", TEAM)
        text = text.replace("namespace: millrace\n", f"namespace: {release.namespace}\n")
        text = text.replace(".millrace:8080", f".{release.namespace}:8080")
        text = text.replace("controller:0.1.0", f"controller:{release.tag}")
        file = tmp_path / "k8s" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    shutil.copy(kube.config, tmp_path / "kubeconfig")
    yield tmp_path
    kube.kubectl("delete", "modelloops", "--all", "-n", TEAM, "--timeout=60s", check=False)
    kube.kubectl("delete", "namespace", TEAM, "--wait=false", check=False)


def test_the_lines_lead_from_nothing_to_predictions_outside_and_in_a_pod(folder, release):
    lines = without(steps(), "make", "helm", "pip").replace("team-a", TEAM)
    script = lines.replace("-n millrace ", f"-n {release.namespace} ")
    bound = folder / "bin"
    bound.mkdir()
    (bound / "kubectl").symlink_to(tools.kubectl())
    path = f"{bound}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    dropped = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
    environment = dropped | {
        "PATH": path,
        "KUBECONFIG": str(folder / "kubeconfig"),
        "MILLRACE_HOME": str(folder / "home"),
    }
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=1000,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-4000:]
    assert f"You are {TEAM}/millrace in the project {TEAM}: viewer, operator." in said
    assert "344 rows accepted" in said
    assert "Gentoo" in done.stdout
    assert done.stdout.rstrip().endswith("['Adelie']")
