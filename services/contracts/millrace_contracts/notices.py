"""Being told: the channels by which people hear of a loop, what they hear, and when they would rather not.

A document names a secret, it never holds one. A channel of a loop goes before one of its project of the same name, and
that before one of the installation.
"""

import re
from collections.abc import Iterable
from datetime import time
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, model_validator

from millrace_contracts.names import Name
from millrace_contracts.parts import Bool, Int, Lasting, Part, Strictly, Written, Zone
from millrace_contracts.sources import HAS_PASSWORD, WEB, Secret, SecretRef

Topic = Literal[
    "alarms", "refused-data", "failed-runs", "blocked", "approvals", "promotions", "rejections", "rollbacks"
]
USUAL: Final[tuple[Topic, ...]] = (
    "alarms", "refused-data", "failed-runs", "blocked", "approvals", "rollbacks",
)  # fmt: skip
"""What is told unless a channel says otherwise: what went wrong, what was taken back, and what waits for a person."""
LASTING: Final[tuple[Topic, ...]] = ("alarms", "refused-data", "failed-runs", "blocked", "approvals")
"""What begins and ends."""
PAGED: Final[tuple[Topic, ...]] = ("alarms", "refused-data", "failed-runs", "blocked")
"""What wakes somebody who is on call, unless a channel says otherwise."""
URGENT: Final[tuple[Topic, ...]] = ("failed-runs", "blocked")
ADDRESS: Final = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
DELIVERABLE: Final = (
    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
)
"""An address to which mail can go (RFC 5321 4.1.2): dots stand between something. ADDRESS is what older versions took
in: what they stored can still be read, and what is declared anew has to be deliverable."""
ONE_WAY: Final = "a channel is one of email, slack, teams, webhook and pagerduty"
NO_END: Final = (
    "pagerduty opens incidents: tell it of alarms, refused-data, failed-runs, blocked and approvals alone"
)
TWICE: Final = "two channels have the same name"
SAME_TIME: Final = "quiet hours end at another time than they begin"
Address = Annotated[
    str,
    StringConstraints(max_length=254, pattern=ADDRESS),
    Field(json_schema_extra={"pattern": DELIVERABLE}),
]
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Topics = Annotated[list[Topic], Field(max_length=8)]
Url = Annotated[str, StringConstraints(max_length=2000, pattern=WEB)]
Period = Annotated[Written, Lasting(most="7d", least="1m")]
Group = Annotated[Written, Lasting(most="1d")]
EVENTS: Final = "https://events.pagerduty.com/v2/enqueue"
SLACK: Final = "https://slack.com/api"
SLACK_WAY: Final = "slack is told by webhook, or by token and channel"
SlackChannel = Annotated[str, StringConstraints(pattern=r"^[CGD][A-Z0-9]{5,30}$")]
Kind = Literal["email", "slack", "teams", "webhook", "pagerduty"]
Scope = Literal["loop", "project", "installation"]
MOST_CHANNELS: Final = 10


class NoticeSecretRef(SecretRef):
    """One key of a Secret beside monitoring: `notify.PROJECT.NAME`, or `notify.NAME` of the installation."""


class NoticeSecret(Secret):
    """Where a secret of a channel is kept: a variable or a file on a laptop, a Secret in a cluster."""

    secret_ref: NoticeSecretRef | None = Field(default=None, description="A Secret of the cluster.")


class Email(Part):
    """E-mail by the installation's mail server."""

    to: list[Address] = Field(min_length=1, max_length=50, description="Who gets it, like team@example.org.")


class Slack(Part):
    """A channel of Slack, by an incoming webhook, or by an app whose messages have the picture."""

    webhook: NoticeSecret | None = Field(
        default=None,
        description="The webhook's whole address, which is a secret. Its messages have no picture.",
    )
    token: NoticeSecret | None = Field(
        default=None,
        description="Bot token of an app that may chat:write and files:write, in place of webhook.",
    )
    channel: SlackChannel | None = Field(
        default=None, description="Id of the channel that the app is in, beside token."
    )
    url: Url = Field(default=SLACK, description="Where Slack's methods are called with token.")

    @model_validator(mode="after")
    def _one_way(self) -> "Slack":
        app = self.token is not None and self.channel is not None
        if (self.token is None) != (self.channel is None) or app == (self.webhook is not None):
            raise ValueError(SLACK_WAY)
        return self


class Teams(Part):
    """A channel of Microsoft Teams, by a workflow that takes webhook requests."""

    webhook: NoticeSecret = Field(description="The workflow's whole address, which is a secret.")


class Webhook(Part):
    """JSON, posted to a web server of your own."""

    url: Url = Field(description="An address whose host the operator allows.")
    bearer: NoticeSecret | None = Field(default=None, description="A token that is sent along.")

    @model_validator(mode="after")
    def _no_secret(self) -> "Webhook":
        if re.search(HAS_PASSWORD, self.url):
            raise ValueError("no password belongs in url; name it with bearer")
        return self


class PagerDuty(Part):
    """Incidents of a PagerDuty service, by Events API v2."""

    routing_key: NoticeSecret = Field(description="The integration key of the service.")
    url: Url = Field(default=EVENTS, description="Where events are taken; the EU has a host of its own.")


class QuietHours(Part):
    """When nothing is told but what is urgent; the rest comes together when they end."""

    from_: ClockTime = Field(alias="from", description="When they begin, like 22:00.")
    to: ClockTime = Field(description="When they end, like 07:00; earlier than from: on the next day.")
    timezone: Zone = Field(default="UTC", description="Whose clocks.")
    urgent: Topics = Field(default=list(URGENT), description="What is told all the same.")

    @model_validator(mode="after")
    def _some(self) -> "QuietHours":
        if self.from_ == self.to:
            raise ValueError(SAME_TIME)
        return self

    def bounds(self) -> tuple[time, time]:
        """When they begin and end, by the clocks of their zone."""
        return time.fromisoformat(self.from_), time.fromisoformat(self.to)


class AtMost(Part):
    """How many messages a channel bears; what is more waits, and comes together."""

    messages: Int = Field(default=20, ge=1, le=1000, description="Messages.")
    per: Period = Field(default="1h", description="In how long.")


class Channel(Part):
    """One way to tell people, and what they are told by it."""

    email: Email | None = Field(default=None, description="E-mail.")
    slack: Slack | None = Field(default=None, description="Slack.")
    teams: Teams | None = Field(default=None, description="Microsoft Teams.")
    webhook: Webhook | None = Field(default=None, description="A web server of your own.")
    pagerduty: PagerDuty | None = Field(default=None, description="PagerDuty.")
    tell: Topics | None = Field(
        default=None,
        description="What is told; left out: what went wrong, what was taken back, what waits for people. []: nothing.",
    )
    quiet_hours: QuietHours | None = Field(default=None, description="When it is to be quiet.")
    at_most: AtMost = Field(default=AtMost(), description="How many messages it bears.")

    @model_validator(mode="after")
    def _one(self) -> "Channel":
        if sum(item is not None for item in self._ways()) != 1:
            raise ValueError(ONE_WAY)
        if self.pagerduty is not None and not set(self.tell or ()) <= set(LASTING):
            raise ValueError(NO_END)
        return self

    def _ways(self) -> tuple[Part | None, ...]:
        return (self.email, self.slack, self.teams, self.webhook, self.pagerduty)

    def kind(self) -> Kind:
        """Which one it is."""
        kinds: tuple[Kind, ...] = ("email", "slack", "teams", "webhook", "pagerduty")
        return next(kind for kind, item in zip(kinds, self._ways(), strict=True) if item is not None)

    def topics(self) -> tuple[Topic, ...]:
        """What is told by it."""
        if self.tell is not None:
            return tuple(self.tell)
        return USUAL if self.pagerduty is None else PAGED

    def secrets(self) -> list[NoticeSecret]:
        """What it needs that a document does not hold."""
        named = (
            None if self.slack is None else self.slack.webhook,
            None if self.slack is None else self.slack.token,
            None if self.teams is None else self.teams.webhook,
            None if self.webhook is None else self.webhook.bearer,
            None if self.pagerduty is None else self.pagerduty.routing_key,
        )
        return [item for item in named if item is not None]

    def told(self) -> str:
        """Where it leads, in words, without anything secret."""
        if self.email is not None:
            return ", ".join(self.email.to)
        if self.webhook is not None:
            return self.webhook.url
        if self.slack is not None and self.slack.channel is not None:
            return f"{self.slack.channel} of {self.slack.url}"
        return self.secrets()[0].told()


class NamedChannel(Channel):
    """A channel with its name."""

    name: Name = Field(
        max_length=63, description="Its name; the same as one of the project's: it goes before that."
    )


class Notify(Part):
    """Who is told of a loop."""

    channels: list[NamedChannel] = Field(
        default=[], max_length=MOST_CHANNELS, description="Channels of this loop alone."
    )
    inherit: Bool = Field(
        default=True, description="Whether the project's and the installation's tell of it too."
    )
    group: Group = Field(
        default="1m", description="How long what happens is gathered, by the clock, into one message."
    )

    @model_validator(mode="after")
    def _named_once(self) -> "Notify":
        names = [channel.name for channel in self.channels]
        if len(set(names)) < len(names):
            raise ValueError(TWICE)
        return self


def undeliverable(channels: Iterable[Channel]) -> list[str]:
    """Addresses of these channels to which no mail can go."""
    told = (address for one in channels if one.email is not None for address in one.email.to)
    return [address for address in told if not re.fullmatch(DELIVERABLE, address)]


class SubscriptionWrite(Strictly):
    """A loop that people may be told of; its own channels."""

    notify: Notify = Notify()
