"""The README's steps on Kubernetes, line by line on a real platform without a cluster: kubectl is stood in for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.chart.readme import ROOT, steps, without

pytestmark = [pytest.mark.loop, pytest.mark.slow, pytest.mark.timeout(900)]
KUBECTL = """#!{python}
'''Applies loops by REST, waits for their champion, and runs here what is to run in a pod; all else is a cluster's.'''
import subprocess, sys, time
from pathlib import Path
from millrace.client import Millrace
verb, rest = sys.argv[1], sys.argv[2:]
if [verb, *rest] == ["apply", "-f", "-"]:
    Path("applied.yaml").write_text(sys.stdin.read())
    sys.exit(subprocess.call(["millrace", "apply", "-f", "applied.yaml", "--wait", "0"]))
if verb == "exec":
    sys.exit(subprocess.call(rest[rest.index("--") + 1:]))
if verb == "wait" and rest[0].startswith("modelloop/"):
    client, name, end = Millrace.from_environment(), rest[0].partition("/")[2], time.monotonic() + 600
    while client.controller.loop(name).champion is None:
        if time.monotonic() > end:
            sys.exit("timed out waiting for the condition")
        time.sleep(1)
"""
MILLRACE = """#!/bin/sh
[ "$1" = login ] && exit 0
exec {programs}/millrace "$@"
"""


def test_the_lines_lead_from_nothing_to_predictions(platform, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in {"kubectl": KUBECTL, "millrace": MILLRACE}.items():
        (tools / name).write_text(text.format(python=sys.executable, programs=Path(sys.executable).parent))
        (tools / name).chmod(0o755)
    (tmp_path / "tests" / "loop").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "loop" / "penguins.csv", tmp_path / "tests" / "loop")
    path = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {
        "MILLRACE_HOME": str(platform.home),
        "MILLRACE_PROJECT": "team-a",
        "PATH": path,
    }
    script = without(steps(), "make", "helm", "pip")
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-4000:]
    assert "in the project team-a" in said, "whoami"
    assert "344 rows accepted" in said
    assert "Gentoo" in said.partition("+ kubectl apply -f k8s/client.yaml")[0]
    assert done.stdout.rstrip().endswith("['Adelie']")
