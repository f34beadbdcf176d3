"""docs/howto/approvals.md: its commands run as they stand, in one shell, against a running platform."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .conftest import document

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "approvals.md"
pytestmark = [pytest.mark.slow, pytest.mark.loop, pytest.mark.timeout(400)]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HERE, CLUSTER = "## On this machine", "## In a cluster"


def script():
    """The page's commands for this machine; one that is refused says so if it is not."""
    page = PAGE.read_text()
    here = page[page.index(HERE) : page.index(CLUSTER)]
    lines = "".join(block for language, block in FENCE.findall(here) if not language).splitlines()
    assert len(lines) > 10
    refused = re.compile(r"^(.*?) +# refused$")
    made = [refused.sub(r"if \1; then echo it was not refused; exit 9; fi", line) for line in lines]
    assert sum(line.startswith("if ") for line in made) == 1
    return "\n".join(["set -eu", *made])


def test_the_commands_of_the_page_run_to_its_end(platform, client, table, tmp_path):
    table.to_csv(tmp_path / "tumours.csv", index=False)
    loop = document("approved")
    loop["spec"]["data"]["source"] = {"path": "tumours.csv"}
    loop["spec"]["gates"]["approval"] = {"of": 1}
    (tmp_path / "approved.yaml").write_text(yaml.safe_dump(loop))
    environment = os.environ | {
        "MILLRACE_HOME": str(platform.home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", script()], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=380
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "user asked for this run, or declared the loop by which it was judged" in said
    assert "approval: waiting: 0 of 1" in done.stdout
    assert "run 2 ends rejected: not approved: ada says: not in the week before Christmas" in done.stdout
    runs = client.controller.runs("approved")
    assert [(run.state, run.version) for run in runs] == [("promoted", 1), ("rejected", 2)]
    chain = client.registry.decisions(loop="approved")
    given = [item for item in chain if item.kind == "approval.given"]
    assert sorted((item.author, item.outcome) for item in given) == [
        ("user:ada", "approved"),
        ("user:ada", "rejected"),
    ]
    with pytest.raises(Exception, match=r"declares gates\.approval"):
        client.registry.move_alias("approved", "champion", _move(1, 2))


def _move(expected, version):
    from millrace_contracts.models import AliasWrite

    return AliasWrite(version=version, expected=expected, reason="by hand")
