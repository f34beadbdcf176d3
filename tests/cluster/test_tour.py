"""The platform engineer's tour, run by bash on a real cluster: from the install to what stays behind it."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.chart import tools
from tests.chart.howtos import blocks, page, script
from tests.chart.readme import ROOT
from tests.cluster.release import IMAGES

pytestmark = pytest.mark.timeout(1500)
TEAMS = ("birds", "scales")
HELM = """#!/usr/bin/env bash
if [ "$1" = install ]; then shift; set -- upgrade --install "$@"; fi
case " $* " in " upgrade "*" charts/millrace "*) set -- "$@" {tags};; esac
exec {helm} "$@"
"""
"""Helm with the images of this checkout; the first install meets the release of the other tests, the last one none."""
SAID = (
    "it predicts",
    "follows the ModelLoops of every namespace already",
    "You are birds/millrace in the project birds: viewer, operator.",
    "344 rows accepted",
    "a pod is told ['Adelie']",
    '"Gentoo"',
    "without a key: 401",
    "alert MillracePartAbsent",
    "Emperor",
    "Rollback was a success",
    "uncordoned",
    "as before ['Adelie']",
)
"""What a reader would look for, in its order."""


def ours(text, release):
    """The text for the namespace and the images of these tests."""
    for before, after in (
        ("-n millrace ", "-n {} "), ("-n millrace\n", "-n {}\n"), ("namespace: millrace\n", "namespace: {}\n"),
        ("namespace: millrace}", "namespace: {}}}"), ("/namespaces/millrace/", "/namespaces/{}/"),
        ("--account millrace/", "--account {}/"), (".millrace:8080", ".{}:8080"),
    ):  # fmt: skip
        text = text.replace(before, after.format(release.namespace))
    return text.replace("controller:0.1.0", f"controller:{release.tag}")


@pytest.fixture
def folder(kube, release, tmp_path):
    """What the lines name, and a kubeconfig that may be changed; afterwards the release is as it was."""
    (tmp_path / "charts").symlink_to(ROOT / "charts")
    (tmp_path / "tests" / "loop").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "loop" / "penguins.csv", tmp_path / "tests" / "loop")
    for name in ("rbac/team.yaml", "client.yaml"):
        file = tmp_path / "k8s" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(ours((ROOT / "k8s" / name).read_text(), release))
    for block in blocks(page("platform")):
        if block.file:
            (tmp_path / block.file).write_text(ours(block.text, release))
    shutil.copy(kube.config, tmp_path / "kubeconfig")
    yield tmp_path
    nodes = kube.kubectl("get", "nodes", "-l", "type!=kwok", "-o", "name").split()
    kube.kubectl("uncordon", *nodes)
    kube.kubectl("delete", "resourcequota", "platform", "-n", release.namespace, "--ignore-not-found")
    release.install()
    for team in TEAMS:
        kube.kubectl("delete", "modelloops", "--all", "-n", team, "--timeout=60s", check=False)
        kube.kubectl("delete", "namespace", team, "--ignore-not-found", "--wait=false")


@pytest.fixture
def environment(folder, release):
    """Of the shell: kubectl, helm and millrace of this checkout, and no login but the one that the lines make."""
    bound = folder / "bin"
    bound.mkdir()
    (bound / "kubectl").symlink_to(tools.kubectl())
    tags = " ".join(f"--set {image}.image.tag={release.tag}" for image in IMAGES)
    (bound / "helm").write_text(HELM.format(helm=tools.helm(), tags=tags))
    (bound / "helm").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
    return kept | {
        "PATH": f"{bound}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "KUBECONFIG": str(folder / "kubeconfig"),
        "MILLRACE_HOME": str(folder / "home"),
        "no_proxy": "127.0.0.1",
    }


def test_the_tour_runs_from_the_install_to_what_stays_after_it(kube, release, folder, environment):
    began = time.monotonic()
    traced = "exec 5>trace.txt; BASH_XTRACEFD=5; set -x\n"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", traced + ours(script(page("platform")), release)],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False, timeout=1400,
    )  # fmt: skip
    said = done.stdout
    assert done.returncode == 0, f"{said[-6000:]}\n{(folder / 'trace.txt').read_text()[-500:]}"
    print(f"\nthe tour took {time.monotonic() - began:.0f} s")
    place = 0
    for words in SAID:
        assert words in said[place:], f"{words!r} does not follow:\n{said[place:][:3000]}"
        place = said.index(words, place)
    (quarantined,) = [line for line in said.splitlines() if line.startswith("penguins") and " False " in line]
    assert "True" in quarantined, "what serves goes on while its newest delivery is refused"
    for team in TEAMS:
        assert not kube.get("modelloops", team)
