"""E-mail through real mail servers on loopback: protected, signed in, with the picture, and tried again or not."""

import pytest

from millrace_monitoring.settings import MonitoringSettings

from .others import Mailbox, certify, listening, mail_server
from .sales import monitor
from .telling import alarm, made
from .test_closing import play

PASSWORD = "s3cret-of-the-mail"


def mail(**more):
    return {"name": "team", "email": {"to": ["anna@shop.example", "ben@shop.example"]}} | more


def by(port, security="none", **more):
    usual = {"smtp_host": "localhost", "smtp_port": port, "smtp_security": security}
    return usual | {"smtp_from": "millrace@shop.example"} | more


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certify(tmp_path_factory.mktemp("authority"))


def signed_in(port, certificate, **more):
    secret = MonitoringSettings(smtp_password=PASSWORD).smtp_password
    own = {"smtp_user": "millrace", "smtp_password": secret, "smtp_ca_file": certificate / "ca.pem"}
    return by(port, "starttls", **(own | more))


async def test_an_alarm_comes_by_starttls_and_sign_in_with_its_picture_and_a_link(desk, certificate):
    box = Mailbox()
    async with mail_server(box, "starttls", certificate) as port:
        own = signed_in(port, certificate, console_url="https://models.shop.example/")
        async with desk(**own) as told:
            service = told.service
            await service.declare(monitor(service.registry.version(1, 2.0)))
            await play(service, range(3))
            await told.subscribe(mail())
            await told.tell(alarm("drift:price"))
            await told.tell(alarm("drift:price", opened=False))
    assert box.signed == [("millrace", PASSWORD)] * 2
    (begun, to, tls), (ended, _, _) = box.got
    assert tls
    assert to == ["anna@shop.example", "ben@shop.example"]
    assert begun["Subject"] == "[Millrace] sales: drift alarm: the data has moved"
    assert begun["From"] == "Millrace <millrace@shop.example>"
    assert begun["Auto-Submitted"] == "auto-generated"
    text = begun.get_body(("plain",)).get_content()
    assert "drift:price was found" in text
    assert "https://models.shop.example/p/default/alarms?loop=sales" in text
    assert "millrace alarms list" in text
    page = begun.get_body(("html",)).get_content()
    (picture,) = [part for part in begun.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content().startswith(b"\x89PNG")
    assert f"cid:{picture['Content-ID'].strip('<>')}" in page
    assert picture["Content-Disposition"].startswith("inline")
    assert ended["Subject"] == "[Millrace] sales: the drift alarm is over"
    assert ended["In-Reply-To"] == begun["Message-ID"], "a mailbox shows both together"


async def test_tls_from_the_first_byte_with_an_authority_of_ones_own(desk, certificate):
    box = Mailbox()
    trusted = {"smtp_ca_file": certificate / "ca.pem"}
    async with mail_server(box, "tls", certificate) as port, desk(**by(port, "tls", **trusted)) as told:
        await told.subscribe(mail())
        await told.tell(alarm("drift:price"))
    ((_, _, tls),) = box.got
    assert tls


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_server_whose_certificate_nobody_knows_gets_nothing_and_no_password(
    desk, certificate, security
):
    box = Mailbox()
    async with mail_server(box, security, certificate) as port:
        own = signed_in(port, certificate, smtp_ca_file=None) | {"smtp_security": security}
        async with desk(**own) as told:
            await told.subscribe(mail())
            await told.tell(alarm("drift:price"))
            (message,) = await told.messages()
    assert (box.got, box.signed) == ([], [])
    assert message["state"] == "waiting"
    assert "certificate" in message["answer"].lower()


async def test_a_server_that_offers_no_starttls_gets_nothing(desk, certificate):
    box = Mailbox()
    async with mail_server(box, "none") as port, desk(**signed_in(port, certificate)) as told:
        await told.subscribe(mail())
        await told.tell(alarm("drift:price"))
        (message,) = await told.messages()
    assert (box.got, box.signed) == ([], [])
    assert "STARTTLS" in message["answer"]


async def test_what_a_server_refuses_for_now_is_tried_again_as_the_same_message(desk, clock):
    box = Mailbox("451 4.3.0 come back later", "421 4.3.2 too busy")
    async with mail_server(box, "none") as port, desk(**by(port)) as told:
        await told.subscribe(mail())
        await told.tell(alarm("drift:price"))
        (message,) = await told.messages()
        assert message["state"] == "waiting"
        assert message["answer"].startswith("451 4.3.0 come back later")
        clock.pass_by(seconds=2)
        await told.send()
        clock.pass_by(seconds=4)
        await told.send()
        (message,) = await told.messages()
    assert (message["state"], message["attempts"], box.tries) == ("sent", 3, 3)
    ((mail_, _, _),) = box.got
    assert mail_["Message-ID"] == f"<{message['id']}@shop.example>"


async def test_what_a_server_refuses_for_good_is_never_tried_again(desk, clock):
    box = Mailbox("554 5.7.1 we take no such mail")
    async with mail_server(box, "none") as port, desk(**by(port)) as told:
        await told.subscribe(mail())
        await told.tell(alarm("drift:price"))
        clock.pass_by(hours=2)
        await told.send()
        (message,) = await told.messages()
    assert (message["state"], box.tries) == ("given-up", 1)
    assert message["answer"] == "554 5.7.1 we take no such mail"


async def test_one_address_that_does_not_exist_keeps_it_from_nobody_else_and_is_named(desk):
    box = Mailbox()
    async with mail_server(box, "none") as port, desk(**by(port)) as told:
        await told.subscribe(mail(email={"to": ["nobody@shop.example", "anna@shop.example"]}))
        await told.tell(alarm("drift:price"))
        (message,) = await told.messages()
    ((_, to, _),) = box.got
    assert to == ["anna@shop.example"]
    assert "not for nobody@shop.example: 550 5.1.1 no such mailbox" in message["answer"]


async def test_a_wrong_password_is_said_without_it_and_tried_again(desk, certificate):
    box = Mailbox()
    wrong = MonitoringSettings(smtp_password="of-another-account").smtp_password
    async with (
        mail_server(box, "starttls", certificate) as port,
        desk(**signed_in(port, certificate, smtp_password=wrong)) as told,
    ):
        await told.subscribe(mail())
        await told.tell(alarm("drift:price"))
        (message,) = await told.messages()
    assert message["state"] == "waiting"
    assert message["answer"].startswith("535")
    assert "of-another-account" not in message["answer"]


async def test_without_a_mail_server_it_is_said_what_to_do(desk):
    async with desk() as told:
        await told.subscribe(mail())
        (channel,) = await told.service.call("GET", "/v1/channels", params={"loop": "sales"})
        assert "MILLRACE_SMTP_HOST" in channel["problem"]
        await told.tell(alarm("drift:price"))
        (message,) = await told.messages()
    assert message["state"] == "waiting"
    assert "MILLRACE_SMTP_HOST" in message["answer"]


async def test_mail_goes_to_the_domains_that_the_operator_allows_alone(desk):
    box = Mailbox()
    async with mail_server(box, "none") as port, desk(**by(port, notify_recipients=["shop.example"])) as told:
        await told.subscribe(mail(email={"to": ["spy@elsewhere.example"]}), mail(name="second"))
        await told.tell(alarm("drift:price"))
    assert [to for _, to, _ in box.got] == [["anna@shop.example", "ben@shop.example"]]


def test_a_password_is_never_sent_unprotected():
    with pytest.raises(ValueError, match="would be sent unprotected"):
        MonitoringSettings(smtp_user="millrace", smtp_security="none")


async def test_no_word_of_a_decision_becomes_a_header_or_a_tag(desk):
    box = Mailbox()
    evil = "x\r\nBcc: spy@elsewhere.example\r\n<script>alert(1)</script>"
    told_evil = made("alarm.opened", "sales/drift:x", "open", evil, evidence={"alarm": "a1"})
    closed_evil = made("run.closed", f"run 1{evil}"[:200], "failed", evil)
    async with mail_server(box, "none") as port, desk(**by(port)) as told:
        await told.subscribe(mail())
        await told.tell(told_evil, closed_evil)
        await told.send()
    ((letter, to, _),) = box.got
    assert letter["Bcc"] is None
    assert to == ["anna@shop.example", "ben@shop.example"]
    assert "<script>" not in letter.get_body(("html",)).get_content()


async def test_a_message_without_days_has_no_picture_and_goes_all_the_same(desk):
    box = Mailbox()
    async with mail_server(box, "none") as port, desk(**by(port)) as told:
        await told.subscribe(mail())
        await told.tell(alarm("quarantine:3"))
    ((letter, _, _),) = box.got
    assert "image/png" not in [part.get_content_type() for part in letter.walk()]


async def test_two_channels_do_not_wait_for_each_other(desk):
    box = Mailbox("451 later")
    async with mail_server(box, "none") as port, listening() as ops, desk(**by(port)) as told:
        await told.subscribe(mail(), {"name": "ops", "webhook": {"url": ops.url}})
        await told.tell(alarm("drift:a"))
        assert len(ops.seen) == 1
        states = {message["channel"]: message["state"] for message in await told.messages()}
    assert states == {"team": "waiting", "ops": "sent"}
