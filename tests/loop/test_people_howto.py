"""docs/howto/people.md: its commands run as they stand; then the same approval by a second person in the console."""

import re

import httpx
import pytest
import yaml

from .conftest import document
from .pages import script, shell

pytestmark = [pytest.mark.slow, pytest.mark.loop, pytest.mark.timeout(1500)]
FORM = re.compile(r'name="(\w+)" value="([^"]*)"')
PASSWORD = "barley goes to the mill"


def run(platform, folder, text):
    done = shell(platform, folder, text, timeout=900)
    return done.returncode, done.stdout + done.stderr


def test_two_people_with_passwords_decide_by_the_commands_and_in_the_console(
    platform, client, table, tmp_path
):
    table.to_csv(tmp_path / "tumours.csv", index=False)
    loop = document("two-people")
    loop["spec"]["data"]["source"] = {"path": "tumours.csv"}
    loop["spec"]["gates"]["approval"] = {"of": 1}
    (tmp_path / "two-people.yaml").write_text(yaml.safe_dump(loop))
    code, said = run(platform, tmp_path, script("people.md", until="## In a cluster", at_least=20, refused=2))
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
        assert f'href="{where}#approval"' in browser.get("/p/default/approvals").text
        asked = browser.get(f"{where}/do/approve")
        offered = "do/approve?digest=" in browser.get(where).text
        assert offered == (asked.status_code == 200), "a button is there for who could, and for nobody else"
        fields = dict(FORM.findall(asked.text if offered else browser.get(where).text))
        fields |= {"digest": _digest(browser.get(where).text), "reason": "looked at the slices"}
        return browser.post(f"{where}/do/approve", data=fields).status_code


def _digest(page):
    """What the page of a run says is to be approved."""
    return re.search(r"<code>(sha256:[0-9a-f]{64})</code>", page)[1]
