"""What one loop, channel or secret does wrong stops nobody else from being told, and nothing of the platform leaves."""

from datetime import timedelta

import pytest

from millrace_monitoring.channels import addresses
from millrace_monitoring.notices import controller, queries

from .others import listening
from .telling import DAY, NOON, alarm, closed, made


def hook(listener, **more):
    return {"name": "ops", "webhook": {"url": listener.url}} | more


def bearer(listener, **kept):
    return {"name": "ops", "webhook": {"url": listener.url, "bearer": kept}}


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
async def test_who_is_told_again_of_a_loop_is_told_anew_and_nothing_stands_still(desk, request, where):
    kept = {} if where == "sqlite" else {"database_url": request.getfixturevalue("database")}

    def asked(version):
        facts = {"version": version}
        when = DAY + timedelta(days=version)
        return made("approval.asked", "run 3", "waiting", "It waits.", run=3, evidence=facts, at=when)

    async with listening() as ops, desk(**kept) as told:
        await told.subscribe(hook(ops))
        await told.tell(asked(4))
        await told.service.call("DELETE", "/v1/subscriptions/sales", expect=204)
        await told.subscribe(hook(ops))
        await told.tell(asked(9))
        await told.tell(made("approval.ended", "run 3", "expired", run=3, evidence={"version": 9}))
        shown = await told.messages()
    assert [[item["title"] for item in body["items"]] for body in ops.bodies] == [
        ["version 4 waits for approval"],
        ["it is over: the loop is deleted", "version 9 waits for approval"],
        ["version 9 is not approved: expired"],
    ]
    assert ops.bodies[2]["items"][0]["answers"] == ops.bodies[1]["id"]
    assert len(shown[-1]["items"]) == 1, "what was told before is still shown"


@pytest.mark.parametrize("host", ["a" * 64, "a."])
async def test_a_name_that_no_host_can_have_stops_no_other_channel(desk, host):
    broken = {"name": "broken", "webhook": {"url": f"https://{host}.example/in"}}
    async with listening() as ops, desk() as told:
        await told.subscribe(broken, hook(ops))
        await told.tell(alarm("drift:price"))
        answers = {item["channel"]: item["answer"] for item in await told.messages()}
    assert len(ops.bodies) == 1
    assert answers["broken"].startswith("refused: the address")


async def test_a_token_that_no_header_can_hold_is_refused_in_words(desk, monkeypatch):
    monkeypatch.setenv("OPS_TOKEN", "schlüssel")
    async with listening() as ops, desk() as told:
        await told.subscribe(bearer(ops, env="OPS_TOKEN"))
        await told.tell(alarm("drift:price"))
        (message,) = await told.messages()
    assert "signs that cannot be sent" in message["answer"]
    assert "schl" not in message["answer"]


async def test_what_belongs_to_the_platform_is_sent_by_no_loops_channel(desk, monkeypatch):
    monkeypatch.setenv("MILLRACE_SMTP_PASSWORD", "of-the-mail-server")
    async with listening() as ops, desk() as told:
        kept = told.services.settings.home / "run" / "token"
        kept.parent.mkdir(exist_ok=True)
        kept.write_text("of-its-owner")
        for secret, why in (
            ({"env": "MILLRACE_SMTP_PASSWORD"}, "belongs to the platform"),
            ({"file": str(kept.parent / ".." / "run" / "token")}, "does not lie where secrets do"),
        ):
            await told.subscribe(bearer(ops, **secret))
            (shown,) = await told.service.call("GET", "/v1/channels")
            assert why in shown["problem"]
        await told.tell(alarm("drift:price"))
    assert ops.seen == []


async def test_what_is_urgent_does_not_wait_behind_a_message_that_is_held_for_the_night(desk, clock):
    quiet = {"from": "12:05", "to": "20:00"}
    async with listening((503, "", {}), (204, "", {})) as ops, desk() as told:
        await told.subscribe(hook(ops, quietHours=quiet))
        await told.tell(alarm("drift:price"))
        clock.pass_by(minutes=10)
        await told.send()
        await told.tell(closed(1, "failed"))
        (urgent,) = ops.bodies[1:]
        clock.now = NOON.replace(hour=20)
        await told.send()
    assert [item["topic"] for item in urgent["items"]] == ["failed-runs"]
    assert ops.bodies[2] == ops.bodies[0], "and what was held comes in the morning"


async def test_however_much_waits_for_one_channel_the_others_are_told(desk, monkeypatch):
    monkeypatch.setattr(queries, "MOST_DUE", 2)
    quiet = {"from": "11:00", "to": "20:00", "urgent": []}
    async with listening() as ops, desk() as told:
        for loop in ("a", "b", "c"):
            await told.subscribe(hook(ops, quietHours=quiet), loop=loop)
            await told.tell(alarm("drift:price", loop=loop))
        await told.subscribe(hook(ops))
        await told.tell(alarm("drift:price"))
        told.clock.pass_by(seconds=1)
        await told.send()
    assert [body["loop"] for body in ops.bodies] == ["sales"]


async def test_pieces_of_a_secret_address_are_said_nowhere_also_where_an_answer_is_cut_short(
    desk, monkeypatch
):
    key = "T0123/B4567/abcdefghijklmnop"
    told_back = (f"no {key.rpartition('/')[2]} here", f"/services/{key} is gone", "x" * 290 + key)
    for number, words in enumerate(told_back):
        async with listening((404, words, {})) as there, desk() as told:
            monkeypatch.setenv("CHAT_URL", there.url.replace("/in", f"/services/{key}"))
            await told.subscribe({"name": "chat", "slack": {"webhook": {"env": "CHAT_URL"}}}, loop="other")
            await told.tell(
                alarm("drift:price", loop="other", name=f"id-{number}", at=DAY + timedelta(days=number))
            )
            said = str(await told.messages())
        assert "404" in said
        assert "abcde" not in said


async def test_of_two_that_send_at_once_one_takes_a_try(desk):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        await told.happens(alarm("drift:price"))
        async with told.services.readers() as session:
            both = [(await queries.due_now(session, NOON))[0]]
        async with told.services.readers() as session:
            both += await queries.due_now(session, NOON)
        for message in both:
            await controller._one(told.services, message, NOON)
    assert len(ops.bodies) == 1


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("93.184.215.14", True), ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True), ("64:ff9b::5db8:d70e", True),
        ("10.0.0.1", False), ("224.0.0.1", False), ("ff02::1", False), ("::ffff:127.0.0.1", False),
        ("::127.0.0.1", False), ("64:ff9b::7f00:1", False), ("64:ff9b::a9fe:a9fe", False), ("2002:a00:1::", False),
    ],
)  # fmt: skip
def test_an_address_that_wraps_a_private_one_is_private(address, found):
    assert addresses.public(address) is found
