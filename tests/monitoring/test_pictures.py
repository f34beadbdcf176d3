"""Chats get the picture without fetching it: Slack by an app that uploads it, Teams inside the card if it has room."""

import base64
import json

import pytest
from tests.monitoring.strictly import SlackMessage, TeamsMessage

from millrace_monitoring.channels import picture
from millrace_monitoring.notices import controller

from .others import listening
from .telling import alarm

PNG = b"\x89PNG\r\n\x1a\n"
TOKEN = "xoxb-1234-the-bots-own"
POSTED = (200, json.dumps({"ok": True, "channel": "C0123ABCD", "ts": "1700000000.000100"}), {})
PLACE = (200, '{"ok": true, "upload_url": "http://localhost:{port}/upload/x", "file_id": "F01"}', {})
TAKEN, DONE = (200, "OK - 4", {}), (200, '{"ok": true, "files": [{"id": "F01"}]}', {})


@pytest.fixture
def drawn(monkeypatch):
    """A picture of so many bytes, which says with how many dots it was drawn."""

    def draw(days, dots=picture.DOTS):
        found.append(dots)
        return PNG + b"x" * draw.size

    found, draw.size = [], 8_000
    monkeypatch.setattr(controller.picture, "draw", draw)
    monkeypatch.setenv("SLACK_TOKEN", TOKEN)
    return found, draw


def app(listener, **more):
    told = {
        "token": {"env": "SLACK_TOKEN"},
        "channel": "C0123ABCD",
        "url": f"http://localhost:{listener.port}/api",
    }
    return {"name": "chat", "slack": told} | more


async def test_an_app_of_slacks_writes_the_message_and_puts_the_picture_into_its_thread(desk, drawn):
    async with listening(POSTED, PLACE, TAKEN, DONE) as there, desk() as told:
        await told.subscribe(app(there))
        await told.tell(alarm("drift:price"))
        (message,) = await told.messages()
    assert (message["state"], message["answer"]) == ("sent", "200 ok")
    posts = [line.split()[1] for line, _, _ in there.seen]
    assert posts == [
        "/api/chat.postMessage", "/api/files.getUploadURLExternal", "/upload/x", "/api/files.completeUploadExternal",
    ]  # fmt: skip
    words, asked, sent, shared = there.bodies
    assert words.pop("channel") == "C0123ABCD"
    SlackMessage.model_validate(words)
    assert sent.startswith(PNG)
    assert f"length={len(sent)}" in asked.decode()
    assert shared == {
        "files": [{"id": "F01", "title": "Error by day, with alarms"}], "channel_id": "C0123ABCD",
        "thread_ts": "1700000000.000100",
    }  # fmt: skip
    shown = [headers.get("authorization") for _, headers, _ in there.seen]
    assert shown == [f"Bearer {TOKEN}", f"Bearer {TOKEN}", None, f"Bearer {TOKEN}"]


async def test_a_message_whose_picture_is_not_taken_has_arrived_and_says_so(desk, drawn):
    refused = (200, '{"ok": false, "error": "missing_scope"}', {})
    async with listening(POSTED, refused) as there, desk() as told:
        await told.subscribe(app(there))
        await told.tell(alarm("drift:price"))
        (message,) = await told.messages()
    assert message["state"] == "sent"
    assert message["answer"] == "200 ok; no picture: 200 files.getUploadURLExternal: missing_scope"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ((200, '{"ok": false, "error": "channel_not_found"}', {}), "given-up"),
        ((200, f'{{"ok": false, "error": "invalid_auth {TOKEN}"}}', {}), "given-up"),
        ((200, '{"ok": false, "error": "internal_error"}', {}), "waiting"),
        ((429, '{"ok": false, "error": "ratelimited"}', {"Retry-After": "30"}), "waiting"),
        ((503, "busy", {}), "waiting"),
        ((200, "a page", {}), "waiting"),
    ],
)
async def test_slack_says_no_with_200_and_that_is_no_arrival(desk, drawn, answer, state):
    async with listening(answer) as there, desk() as told:
        await told.subscribe(app(there))
        await told.tell(alarm("drift:price"))
        (message,) = await told.messages()
    assert message["state"] == state
    assert TOKEN not in message["answer"]


async def test_the_upload_goes_to_no_host_that_the_operator_does_not_allow(desk, drawn):
    elsewhere = (200, '{"ok": true, "upload_url": "https://evil.invalid/x", "file_id": "F01"}', {})
    async with listening(POSTED, elsewhere, TAKEN) as there, desk() as told:
        await told.subscribe(app(there))
        await told.tell(alarm("drift:price"))
        (message,) = await told.messages()
    assert len(there.seen) == 2
    assert "no picture: refused: the address" in message["answer"]


@pytest.mark.parametrize(("size", "has_one"), [(8_000, True), (25_000, False)])
async def test_a_card_of_teams_holds_the_picture_where_it_has_room(desk, drawn, monkeypatch, size, has_one):
    found, draw = drawn
    draw.size = size
    async with listening((200, "1", {})) as there, desk() as told:
        monkeypatch.setenv("CHAT_URL", there.url)
        await told.subscribe({"name": "chat", "teams": {"webhook": {"env": "CHAT_URL"}}})
        await told.tell(alarm("drift:price"))
    (body,) = there.bodies
    TeamsMessage.model_validate(body)
    images = [part for part in body["attachments"][0]["content"]["body"] if part["type"] == "Image"]
    assert bool(images) == has_one
    assert len(json.dumps(body)) <= 28_000
    assert found == [picture.FEW_DOTS]
    if has_one:
        assert base64.b64decode(images[0]["url"].partition(",")[2]).startswith(PNG)


@pytest.mark.parametrize(
    "slack",
    [
        {}, {"token": {"env": "A"}}, {"channel": "C0123ABCD"},
        {"webhook": {"env": "A"}, "token": {"env": "A"}, "channel": "C0123ABCD"},
        {"token": {"env": "A"}, "channel": "#general"},
    ],
)  # fmt: skip
async def test_slack_is_told_by_a_webhook_or_by_an_app_and_by_no_half_of_one(desk, slack):
    async with desk() as told:
        await told.service.call("PUT", "/v1/channels/chat", expect=422, json={"slack": slack})
