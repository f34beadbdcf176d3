"""The page of alarms says who is told, and what is wrong with a channel; nothing where nobody is."""

import pytest

from millrace_contracts.messages import ChannelRead

CHANNEL = ChannelRead.model_validate(
    {
        "name": "chat", "scope": "loop", "loop": "shop", "kind": "slack", "to": "env <b>URL</b>", "tell": ["alarms"],
        "problem": "there is nothing in env URL", "waiting": 1, "undelivered": 7,
        "channel": {"slack": {"webhook": {"env": "URL"}}},
    }
)  # fmt: skip


@pytest.mark.parametrize("found", [[CHANNEL], []])
async def test_channels_stand_below_the_alarms(signed, person, monkeypatch, found):
    async def channels(self, loop=None, *, project=None):
        return found

    async def nothing(self, *args, **more):
        return []

    monitoring = type(person.clients.monitoring)
    monkeypatch.setattr(monitoring, "channels", channels)
    monkeypatch.setattr(monitoring, "alarms", nothing)
    monkeypatch.setattr(type(person.clients.registry), "projects", nothing)
    answer = await signed.get("/p/default/alarms")
    assert answer.status_code == 200, answer.text
    assert ("Who is told" in answer.text) == bool(found)
    assert ("there is nothing in env URL" in answer.text) == bool(found)
    assert "<b>URL" not in answer.text
