"""docs/howto/notify.md: its commands run as they stand, on a running platform beside a real mail server."""

import time
from email import message_from_bytes, policy

import pytest
import yaml
from aiosmtpd.controller import Controller

from .conftest import MAIL, document
from .pages import script, shell

pytestmark = [pytest.mark.slow, pytest.mark.loop, pytest.mark.timeout(400)]


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


def test_the_commands_of_the_page_run_and_a_champion_is_told_by_e_mail(
    platform, client, table, mailbox, tmp_path
):
    table.to_csv(tmp_path / "tumours.csv", index=False)
    team = {"name": "team", "email": {"to": ["anna@shop.example"]}, "tell": ["promotions", "failed-runs"]}
    loop = document("told", notify={"channels": [team], "group": "0s"})
    loop["spec"]["data"]["source"] = {"path": "tumours.csv"}
    (tmp_path / "told.yaml").write_text(yaml.safe_dump(loop))
    done = shell(platform, tmp_path, script("notify.md", until="## When it does not arrive"))
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
