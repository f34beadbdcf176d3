"""docs/howto/people.md: its commands run as they stand; then the same approval by a second person in the console."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from .conftest import document

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "people.md"
pytestmark = [pytest.mark.slow, pytest.mark.loop, pytest.mark.timeout(1500)]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FORM = re.compile(r'name="(\w+)" value="([^"]*)"')
PASSWORD = "barley goes to the mill"


def script():
    """The page's commands; one that is refused says so if it is not."""
    page = PAGE.read_text()
    here = page[page.index("## On this machine") : page.index("## In a cluster")]
    lines = "".join(block for language, block in FENCE.findall(here) if not language).splitlines()
    assert len(lines) > 20
    refused = re.compile(r"^(.*?) +# refused$")
    made = [refused.sub(r"if \1; then echo it was not refused; exit 9; fi", line) for line in lines]
    assert sum(line.startswith("if ") for line in made) == 2
    return "\n".join(["set -eu", *made])


def run(platform, folder, text):
    environment = os.environ | {
        "MILLRACE_HOME": str(platform.home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", text], cwd=folder, env=environment, capture_output=True, text=True, timeout=900
    )
    return done.returncode, done.stdout + done.stderr


def test_two_people_with_passwords_decide_by_the_commands_and_in_the_console(
    platform, client, table, tmp_path
):
    table.to_csv(tmp_path / "tumours.csv", index=False)
    loop = document("two-people")
    loop["spec"]["data"]["source"] = {"path": "tumours.csv"}
    loop["spec"]["gates"]["approval"] = {"of": 1}
    (tmp_path / "two-people.yaml").write_text(yaml.safe_dump(loop))
    code, said = run(platform, tmp_path, script())
    assert code == 0, said
    assert "ines: approver in every project" in said
    (given,) = client.registry.decisions(loop="two-people", kind="approval.given")
    assert (given.author, given.outcome) == ("user:ines", "approved")
    assert not (platform.home / "session.json").exists()
    kept = (platform.home / "run" / "accounts.json").read_text()
    assert "mill wheels" not in kept
    assert "mlr_" not in kept

    for name, role in (("eva", "approver"), ("tom", "viewer")):
        add = f"printf '{PASSWORD}\\n' | millrace users add {name} --role {role} --password-stdin"
        assert run(platform, tmp_path, add)[0] == 0
    client.controller.retrain("two-people")
    code, said = run(platform, tmp_path, "millrace watch two-people --run 2")
    assert "waiting: 0 of 1" in said
    assert approved(platform, "tom") == 403
    assert approved(platform, "eva") == 303
    client.controller.await_run("two-people", 2, timeout=400)
    chain = client.registry.decisions(loop="two-people", kind="approval.given")
    assert [item.author for item in chain] == ["user:ines", "user:eva"]


def approved(platform, name):
    """What the console answers to *name*, who signs in and approves the second run."""
    with httpx.Client(base_url=platform.urls["console"], trust_env=False, timeout=60) as browser:
        signed = browser.post("/login", data={"name": name, "password": PASSWORD, "to": "/"})
        assert signed.status_code == 303, signed.text
        where = "/p/default/loops/two-people/runs/2"
        page = browser.get(where)
        fields = dict(FORM.findall(page.text)) | {"reason": "looked at the slices"}
        assert fields["digest"].startswith("sha256:")
        return browser.post(f"{where}/approve", data=fields).status_code
