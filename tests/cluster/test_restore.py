"""The drill of docs/howto/backup.md: a release is copied, lost with its volumes, installed anew and filled again.

The commands are those of the page; only `helm install`, which needs this checkout's images, is done by the test.
"""

import os
import subprocess

import pytest
from tests.chart import tools
from tests.chart.howtos import blocks, page
from tests.cluster import test_story as story
from tests.cluster.release import NAME
from tests.cluster.test_lifecycle import DECISIONS, answers, left
from tests.cluster.test_tour import ours

pytestmark = pytest.mark.timeout(1200)
TEAM = story.TEAM


@pytest.fixture(scope="module")
def loop(kube, release):
    """A loop with a champion."""
    return story.with_champion(kube, release)


def written(release, *words):
    """The one block of the page with all these words, in the namespace and with the images of the tests."""
    (text,) = [item.text for item in blocks(page("backup")) if all(word in item.text for word in words)]
    return ours(text, release)


@pytest.fixture
def bash(kube, release, tmp_path):
    """Runs a block of the page; `kubectl` is the real one, `helm` is left to the test."""
    shims = tmp_path / ".tools"
    shims.mkdir()
    (shims / "kubectl").symlink_to(tools.kubectl())
    (shims / "helm").write_text("#!/bin/sh\nexit 0\n")
    (shims / "helm").chmod(0o755)
    (tmp_path / "backup-pod.yaml").write_text(written(release, "kind: Pod"))
    more = {"PATH": f"{shims}:{os.environ['PATH']}", "KUBECONFIG": str(kube.config)}

    def run(*words):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", written(release, *words)],
            cwd=tmp_path, env=os.environ | more, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def test_a_release_that_was_lost_with_its_volumes_comes_back_by_the_steps_of_the_page(
    kube, release, loop, bash
):
    before = release.python(story.PREDICT)
    bash("pg_dump", "kubectl exec")
    kube.until("the services are back", 180, release.ready, release.namespace)
    told = release.call(DECISIONS, TEAM)
    kube.kubectl("delete", "modelloops", "--all", "--all-namespaces")
    release.uninstall()
    kube.until("everything is gone", 120, lambda: not left(kube, release.namespace), release.namespace)
    kube.kubectl("delete", "pvc", "-n", release.namespace, "-l", f"app.kubernetes.io/instance={NAME}")
    release.install()
    assert not answers(release, before), "nothing of it is left"
    bash("pg_restore", "kubectl exec")
    kube.until("it predicts as before", 240, lambda: answers(release, before), release.namespace)
    now = release.call(DECISIONS, TEAM)
    assert set(told) <= set(now), "what was decided before is known"
    assert release.call("client.registry.verify_decisions()", TEAM)["ok"]
    kube.until("the loop is kept", 60, lambda: story.champion(kube), release.namespace)
