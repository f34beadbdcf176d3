"""What people were told and are to be told: channels as they do, messages on their way, and what stands in them."""

from typing import Literal

from pydantic import AwareDatetime, Field

from millrace_contracts.bodies import Read
from millrace_contracts.names import LoopName, ProjectName
from millrace_contracts.notices import Channel, Kind, Scope, Topic
from millrace_contracts.parts import Strictly


class ChannelRead(Read):
    """A channel, and how it does."""

    name: str
    scope: Scope = Field(description="Whose it is; the nearest one of a name tells.")
    loop: str | None = Field(description="The loop, if it is a loop's own.")
    kind: Kind
    to: str = Field(description="Where it leads, without anything secret.")
    tell: list[Topic]
    problem: str | None = Field(description="Why nothing can be told by it here, and how to mend that.")
    waiting: int = Field(description="Messages that wait, or are tried again.")
    undelivered: int = Field(description="Messages that were given up in the last 30 days.")
    channel: Channel = Field(description="As it is declared.")


Moment = Literal["begins", "ends", "once"]


class NoticeItem(Strictly):
    """One thing that people are told."""

    topic: Topic
    moment: Moment = Field(description="Whether it begins, ends, or simply happened.")
    key: str = Field(max_length=200, description="Names the incident: the same where it begins and ends.")
    title: str = Field(max_length=300)
    words: str = Field(max_length=4000)
    at: AwareDatetime = Field(description="When it was recorded, by the clock.")
    event_time: AwareDatetime | None = Field(description="Event time, where it has one.")
    decision: str = Field(max_length=36, description="Id of the decision behind it.")
    over: str | None = Field(
        default=None, max_length=4000, description="How it ended, where that is told at once."
    )
    answers: str | None = Field(
        default=None, max_length=36, description="Id of the message that told its beginning."
    )


MessageState = Literal["waiting", "sent", "given-up"]


class MessageRead(Read):
    """One message on its way, or at its end."""

    id: str = Field(description="The same each time it is tried: receivers know a repetition by it.")
    loop: str
    channel: str
    state: MessageState
    title: str
    created_at: AwareDatetime
    next_at: AwareDatetime | None = Field(description="When it is tried next; null at its end.")
    done_at: AwareDatetime | None
    attempts: int
    held: str | None = Field(description="Why it waits: quiet hours, or the channel's rate.")
    answer: str | None = Field(description="What the other side answered last, or what went wrong.")
    items: list[NoticeItem]


class TestAnswer(Read):
    """What the other side said to a test."""

    __test__ = False

    channel: str
    scope: Scope
    kind: Kind
    delivered: bool
    answer: str


class SubscriptionStanding(Read):
    """How telling people of a loop goes: what its status shows."""

    project: ProjectName
    loop: LoopName
    channels: int = Field(description="Channels that tell of it.")
    waiting: int = Field(description="Messages that were tried and wait to be tried again.")
    undelivered: int = Field(description="Messages that were given up in the last 30 days.")
    set_aside: int = Field(default=0, description="Its decisions that could be told to nobody.")
    words: str = Field(
        description="What is wrong with the first channel that has something wrong; empty: nothing."
    )


class SetAsideRead(Read):
    """A decision of which nobody could be told."""

    number: int = Field(description="Its number in the chain of decisions, where it stays.")
    project: str = Field(description="Empty where the decision itself cannot be read.")
    loop: str = Field(description="Empty where the decision itself cannot be read.")
    why: str = Field(description="What went wrong.")
    at: AwareDatetime = Field(description="When it was last tried.")


class PostedNotice(Read):
    """What a webhook gets; with the header `Idempotency-Key`, which repeats *id*."""

    id: str
    project: str
    loop: str
    channel: str
    test: bool = Field(default=False, exclude_if=lambda value: not value)
    title: str
    text: str
    link: str | None
    items: list[NoticeItem]
