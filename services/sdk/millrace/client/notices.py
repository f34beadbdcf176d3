# Written from millrace/aio/notices.py: change that, then `make clients`.
"""Being told: channels, who is told of a loop, and messages; one method a route of monitoring."""

from millrace.client.api import Api
from millrace.transport.requests import Call, delete, get, part, post, put
from millrace_contracts.messages import (
    ChannelRead,
    MessageRead,
    MessageState,
    SetAsideRead,
    SubscriptionStanding,
    TestAnswer,
)
from millrace_contracts.notices import Channel, Notify, SubscriptionWrite

LONG = 120.0
"""Seconds that the other sides of a test may take together."""


class Notices:
    """Channels and messages. Every method raises ApiError when monitoring refuses."""

    api: Api

    def put_channel(self, name: str, channel: Channel, *, project: str | None = None) -> ChannelRead:
        """Tell people of every loop of the project by a channel."""
        return self.api.answer(ChannelRead, put(_channel(name), channel, project=project))

    def channels(self, loop: str | None = None, *, project: str | None = None) -> list[ChannelRead]:
        """All channels of the project, or those that tell of a loop."""
        return self.api.answer(list[ChannelRead], get("/v1/channels", project=project, loop=loop))

    def channel(self, name: str, *, project: str | None = None) -> ChannelRead:
        """One channel of the project or of the installation."""
        return self.api.answer(ChannelRead, get(_channel(name), project=project))

    def delete_channel(self, name: str, *, project: str | None = None) -> None:
        """Tell nobody by it any more."""
        self.api.send(delete(_channel(name), project=project))

    def test_channels(
        self, loop: str | None = None, channel: str | None = None, *, project: str | None = None
    ) -> list[TestAnswer]:
        """Send a marked test by the channels of a loop or of the project, or by one; what each other side answered."""
        asked = {"loop": loop, "channel": channel}
        call = Call("POST", "/v1/channels:test", params=asked, project=project, timeout=LONG, retry=False)
        return self.api.answer(list[TestAnswer], call)

    def messages(
        self,
        loop: str | None = None,
        state: MessageState | None = None,
        newest: int | None = None,
        *,
        project: str | None = None,
    ) -> list[MessageRead]:
        """Messages on their way or at their end, the newest first; *newest*: so many."""
        call = get("/v1/messages", project=project, loop=loop, state=state)
        return self.api.every(MessageRead, call, newest)

    def resend(self, id: str, *, project: str | None = None) -> MessageRead:
        """Try a message again that was given up."""
        return self.api.answer(MessageRead, post(f"/v1/messages/{part(id)}:resend", project=project))

    def set_aside(self) -> list[SetAsideRead]:
        """Decisions of all projects that could be told to nobody, and why."""
        return self.api.answer(list[SetAsideRead], get("/v1/set-aside"))

    def read_set_aside(self) -> list[SetAsideRead]:
        """Read them again, and tell what can be told; what stays set aside."""
        return self.api.answer(list[SetAsideRead], post("/v1/set-aside:again"))

    def subscribe(self, loop: str, notify: Notify, *, project: str | None = None) -> None:
        """Let people be told of a loop."""
        body = SubscriptionWrite(notify=notify)
        self.api.send(put(f"/v1/subscriptions/{part(loop)}", body, project=project))

    def unsubscribe(self, loop: str, *, project: str | None = None) -> None:
        """Tell nobody of a loop any more."""
        self.api.send(delete(f"/v1/subscriptions/{part(loop)}", project=project))

    def standing_subscriptions(self) -> list[SubscriptionStanding]:
        """How telling goes for every loop that somebody is told of, in all projects."""
        return self.api.answer(list[SubscriptionStanding], get("/v1/subscriptions:standing"))


def _channel(name: str) -> str:
    return f"/v1/channels/{part(name)}"
