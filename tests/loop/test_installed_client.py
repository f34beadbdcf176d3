"""A client that was installed without the platform works with one that runs."""

import json

import pytest
from tests.sdk.installed import install, run

pytestmark = [pytest.mark.loop, pytest.mark.timeout(400)]


def test_it_lists_loops_and_asks_for_predictions(platform, loop, table, tmp_path):
    programs = install(tmp_path)
    environment = {"HOME": str(tmp_path), "MILLRACE_HOME": str(platform.home)}
    listed = run(programs, "millrace", "loops", "list", "-o", "json", **environment)
    assert listed.returncode == 0, listed.stderr
    assert loop in [item["name"] for item in json.loads(listed.stdout)]
    row = table.drop(columns="target").iloc[0].to_dict()
    asked = run(programs, "millrace", "predict", loop, "--row", json.dumps(row), "-o", "json", **environment)
    assert asked.returncode == 0, asked.stderr
    assert len(json.loads(asked.stdout)) == 1
    source = (
        f"from millrace.client import Millrace; print(Millrace.from_environment().controller.loop({loop!r}))"
    )
    typed = run(programs, "python", "-c", source, **environment)
    assert typed.returncode == 0, typed.stderr
    assert loop in typed.stdout
