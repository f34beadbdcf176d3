"""Messages are posted to a listed host at an address of its own and nowhere else, and nothing secret is said."""

import asyncio

import pytest

from millrace_monitoring.channels import outcome

from .conftest import until
from .others import listening
from .sales import monitor, table_of_day
from .telling import NOON, alarm

FOREIGN = [
    "http://169.254.169.254/latest/meta-data",
    "http://2852039166/",
    "http://[::1]/",
    "http://hooks.example\\@evil.test/",
    "http://evil.test#hooks.example/",
    "https://hooks.example.evil.test/",
    "https://nothooks.example.evil/",
    "http://hooks.example:99999/",
    "file:///etc/passwd",
    "hooks.example",
]


async def test_an_alarm_of_a_closed_day_comes_out_at_the_other_end(running, settings):
    """The whole way: a day closes, its alarm is decided, the registry is told, the message goes."""
    async with listening((302, "", {"Location": "http://localhost:1/elsewhere"}), (204, "", {})) as ops:
        own = {"webhook_hosts": [f"localhost:{ops.port}"], "webhook_private": True, "webhook_seconds": 0.05}
        async with running(settings.model_copy(update=own)) as service:
            channel = {"name": "pager", "webhook": {"url": ops.url}}
            body = {"notify": {"channels": [channel], "group": "0s"}}
            await service.call("PUT", "/v1/subscriptions/sales", expect=204, json=body)
            await asyncio.sleep(0.3)
            await service.declare(monitor(service.registry.version(1, 2.0)))
            features, sold = table_of_day(0)
            await service.rows(0, features, 3 * features["price"])
            await service.labels(0, sold)
            await service.closed(1)
            await until(lambda: len(ops.seen) == 2)
            await asyncio.sleep(0.3)
    assert len(ops.seen) == 2, "no redirect is followed, and what arrived is not sent again"
    assert all(line.startswith("POST /in ") for line, _, _ in ops.seen)
    assert ops.bodies[0] == ops.bodies[1]
    assert {item["topic"] for item in ops.bodies[0]["items"]} == {"alarms"}


@pytest.mark.parametrize("url", FOREIGN)
async def test_a_host_that_is_not_listed_is_refused_or_never_called(desk, url):
    async with desk(webhook_hosts=["hooks.example", "*.hooks.example"], webhook_private=False) as told:
        body = {"webhook": {"url": url}}
        await told.service.call("PUT", "/v1/channels/ops", expect=422, json=body)
        assert await told.service.call("GET", "/v1/channels") == []
        notify = {"notify": {"channels": [{"name": "ops"} | body], "group": "0s"}}
        answer = await told.service.http.put("/v1/subscriptions/sales", json=notify)
        if answer.status_code == 204:
            await told.tell(alarm("drift:a"))
            (message,) = await told.messages()
            assert message["answer"].startswith("refused: the address")


async def test_a_listed_host_with_a_private_address_is_not_called(desk):
    async with listening() as ops, desk(webhook_private=False) as told:
        await told.subscribe({"name": "ops", "webhook": {"url": ops.url}})
        await told.tell(alarm("drift:a"))
        (message,) = await told.messages()
    assert ops.seen == []
    assert message["answer"] == "refused: the address has a host whose address is not public"


async def test_a_file_that_is_no_secret_of_its_owner_is_sent_to_nobody(desk, tmp_path):
    places = tmp_path / "secrets"
    places.mkdir()
    (tmp_path / "id_ed25519").write_text("the owner's own key")
    (places / "link").symlink_to(tmp_path / "id_ed25519")
    async with listening() as ops, desk(secret_folders=[places]) as told:
        for path in (tmp_path / "id_ed25519", places / ".." / "id_ed25519", places / "link", "secrets/x"):
            channel = {"webhook": {"url": ops.url, "bearer": {"file": str(path)}}}
            await told.subscribe({"name": "ops"} | channel)
            shown = await told.service.call("PUT", "/v1/channels/team", json=channel)
            assert "does not lie where secrets do" in shown["problem"]
            assert "MILLRACE_SECRET_FOLDERS" in shown["problem"]
            (answer, *_) = await told.service.call("POST", "/v1/channels:test", params={"loop": "sales"})
            assert not answer["delivered"]
    assert ops.seen == []


async def test_a_secret_is_read_where_it_is_kept_each_time_and_said_nowhere(desk, tmp_path, capfd):
    kept = tmp_path / "token"
    kept.write_text("first-token-of-all\n")
    answers = [(500, "your token first-token-of-all is odd", {}), (204, "", {})]
    async with listening(*answers) as ops, desk(secret_folders=[tmp_path]) as told:
        await told.subscribe({"name": "ops", "webhook": {"url": ops.url, "bearer": {"file": str(kept)}}})
        await told.tell(alarm("drift:a"))
        (message,) = await told.messages()
        assert message["answer"] == "500 your token *** is odd"
        kept.write_text("second-token")
        told.clock.pass_by(seconds=2)
        await told.send()
        shown = await told.service.call("GET", "/v1/channels", params={"loop": "sales"})
        kept.unlink()
        (channel,) = await told.service.call("GET", "/v1/channels", params={"loop": "sales"})
    said = [headers["authorization"] for _, headers, _ in ops.seen]
    assert said == ["Bearer first-token-of-all", "Bearer second-token"]
    assert channel["problem"] == f"there is nothing in file {kept}, as the monitoring service sees it"
    everything = "".join(capfd.readouterr()) + str(shown)
    assert "first-token" not in everything
    assert "second-token" not in everything


async def test_in_a_cluster_a_project_has_its_own_secrets_alone(desk, tmp_path, monkeypatch):
    monkeypatch.setenv("MILLRACE_TOKEN", "of-the-service-itself")
    for name, text in (
        ("notify.default.ops", "mine"),
        ("notify.other.ops", "theirs"),
        ("notify.pager", "all"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(text)
    ref = {"secretRef": {"name": "ops", "key": "token"}}
    async with listening() as ops, desk(notify_secrets=tmp_path) as told:
        hook = {"name": "ops", "webhook": {"url": ops.url, "bearer": ref}}
        thief = {"name": "thief", "webhook": {"url": ops.url, "bearer": {"env": "MILLRACE_TOKEN"}}}
        other = {"secretRef": {"name": "other", "key": "token"}}
        lost = {"name": "lost", "webhook": {"url": ops.url, "bearer": other}}
        await told.subscribe(hook, thief, lost)
        await told.tell(alarm("drift:a"))
        shown = {item["name"]: item["problem"] for item in await told.service.call("GET", "/v1/channels")}
    assert [headers["authorization"] for _, headers, _ in ops.seen] == ["Bearer mine"]
    assert shown["ops"] is None
    assert "in a cluster, name a Secret with secretRef" in shown["thief"]
    assert "there is no key token of a Secret notify.default.other" in shown["lost"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Mon, 05 Jan 2026 12:01:00 GMT", 60.0),
        ("Mon, 05 Jan 2026 11:00:00 GMT", 0.0),
        ("999999999", 86_400.0),
        ("soon", None),
        ("", None),
        ("-5", None),
    ],
)
def test_how_long_another_side_asks_to_wait(header, seconds):
    assert outcome.asked(header, NOON) == seconds
