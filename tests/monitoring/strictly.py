"""What Slack, Microsoft Teams and PagerDuty take, as their documentation says it, closed: anything else is refused.

Slack: reference/block-kit/blocks (header, section) and messaging/sending-messages-using-incoming-webhooks.
Teams: the Adaptive Cards schema 1.4 for TextBlock, Image (whose url may be a data URI) and Action.OpenUrl, in the
envelope that Workflows takes.
PagerDuty: Events API v2, Send an Alert Event.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator


class Exactly(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def text(longest, least=1):
    return Annotated[str, StringConstraints(min_length=least, max_length=longest)]


class PlainText(Exactly):
    type: Literal["plain_text"]
    text: text(150)


class Markdown(Exactly):
    type: Literal["mrkdwn"]
    text: text(3000)
    verbatim: Literal[True]
    """Nothing that stands in the words by itself becomes a link: they may come from data."""


class Header(Exactly):
    type: Literal["header"]
    text: PlainText


class Section(Exactly):
    type: Literal["section"]
    text: Markdown


class SlackMessage(Exactly):
    text: text(40_000)
    blocks: list[Annotated[Header | Section, Field(discriminator="type")]] = Field(
        min_length=1, max_length=50
    )
    unfurl_links: bool


class TextBlock(Exactly):
    type: Literal["TextBlock"]
    text: text(20_000)
    wrap: bool = False
    size: Literal["Default", "Small", "Medium", "Large", "ExtraLarge"] = "Default"
    weight: Literal["Default", "Lighter", "Bolder"] = "Default"
    isSubtle: bool = False
    fontType: Literal["Default", "Monospace"] = "Default"


class Image(Exactly):
    type: Literal["Image"]
    url: Annotated[str, StringConstraints(pattern="^data:image/png;base64,[A-Za-z0-9+/]+=*$")]
    altText: text(200)


class OpenUrl(Exactly):
    type: Literal["Action.OpenUrl"]
    title: text(200)
    url: Annotated[str, StringConstraints(pattern="^https?://")]


class Card(Exactly):
    type: Literal["AdaptiveCard"]
    version: Literal["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"]
    body: list[Annotated[TextBlock | Image, Field(discriminator="type")]] = Field(min_length=1)
    actions: list[OpenUrl] = Field(max_length=6)
    schema_: Literal["http://adaptivecards.io/schemas/adaptive-card.json"] = Field(alias="$schema")


class Attachment(Exactly):
    contentType: Literal["application/vnd.microsoft.card.adaptive"]
    contentUrl: None
    content: Card


class TeamsMessage(Exactly):
    type: Literal["message"]
    attachments: list[Attachment] = Field(min_length=1, max_length=1)


class Payload(Exactly):
    summary: text(1024)
    source: text(1024)
    severity: Literal["critical", "error", "warning", "info"]
    component: str
    group: str
    class_: str = Field(alias="class")
    custom_details: dict[str, str]


class Link(Exactly):
    href: str
    text: str


class PagerDutyEvent(Exactly):
    routing_key: text(32, least=32)
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: text(255)
    payload: Payload | None = None
    links: list[Link] = []
    client: str | None = None

    @model_validator(mode="after")
    def _trigger_says_what(self):
        if self.event_action == "trigger" and self.payload is None:
            raise ValueError("a trigger needs its payload")
        return self
