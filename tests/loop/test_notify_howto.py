"""docs/howto/notify.md: its commands run as they stand, on a running platform beside a real mail server."""

import os
import re
import subprocess
import sys
import time
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import yaml
from aiosmtpd.controller import Controller

from .conftest import MAIL, document

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "notify.md"
pytestmark = [pytest.mark.slow, pytest.mark.loop, pytest.mark.timeout(400)]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HERE, NEXT = "## On this machine", "## When it does not arrive"


class Mailbox:
    def __init__(self):
        self.got = []

    async def handle_DATA(self, server, session, envelope):
        self.got.append((message_from_bytes(envelope.content, policy=policy.default), envelope.rcpt_tos))
        return "250 taken"


@pytest.fixture
def mailbox():
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=MAIL)
    controller.start()
    yield box
    controller.stop()


def script():
    """The page's commands; one that is refused says so if it is not."""
    page = PAGE.read_text()
    here = page[page.index(HERE) : page.index(NEXT)]
    lines = "".join(block for language, block in FENCE.findall(here) if not language).splitlines()
    assert len(lines) > 10
    refused = re.compile(r"^(.*?) +# refused$")
    made = [refused.sub(r"if \1; then echo it was not refused; exit 9; fi", line) for line in lines]
    assert sum(line.startswith("if ") for line in made) == 1
    return "\n".join(["set -eu", *made])


def test_the_commands_of_the_page_run_and_a_champion_is_told_by_e_mail(
    platform, client, table, mailbox, tmp_path
):
    table.to_csv(tmp_path / "tumours.csv", index=False)
    team = {"name": "team", "email": {"to": ["anna@shop.example"]}, "tell": ["promotions", "failed-runs"]}
    loop = document("told", notify={"channels": [team], "group": "0s"})
    loop["spec"]["data"]["source"] = {"path": "tumours.csv"}
    (tmp_path / "told.yaml").write_text(yaml.safe_dump(loop))
    environment = os.environ | {
        "MILLRACE_HOME": str(platform.home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", script()], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=380
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "250 taken" in said
    assert "There is no channel 'nobody' here; there are: team." in said
    found = client.monitoring.messages("told")
    for _ in range(600):
        if any(message.state == "sent" for message in found):
            break
        time.sleep(0.1)
        found = client.monitoring.messages("told")
    titles = [letter["Subject"] for letter, _ in mailbox.got]
    assert "[Millrace] TEST told: Millrace can reach you here" in titles
    assert "[Millrace] told: version 1 is in production" in titles
    told = next(letter for letter, _ in mailbox.got if "in production" in letter["Subject"])
    assert f"{platform.urls['console']}/p/default/loops/told" in told.get_body(("plain",)).get_content()
    conditions = {item.type: item for item in client.controller.loop("told").conditions}
    assert "Notified" not in conditions or conditions["Notified"].status == "True"
    client.controller.delete("told")
