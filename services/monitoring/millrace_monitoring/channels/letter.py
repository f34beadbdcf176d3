"""One message in plain words, before any channel gives it its form. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from millrace_contracts.messages import NoticeItem
from millrace_contracts.notices import Topic

TEST = "This is a test. Nothing happened, and nothing is to be done."
ALT = "Error by day, with alarms"
"""What a picture shows, for who does not see it."""
PLACES: dict[Topic, str] = {
    "alarms": "/p/{project}/alarms?loop={loop}",
    "blocked": "/p/{project}/alarms?loop={loop}",
    "approvals": "/p/{project}/approvals",
    "refused-data": "/p/{project}/loops/{loop}/data",
}
"""Pages of the console where something can be done; else the loop's own."""
COMMANDS: dict[Topic, str] = {
    "alarms": "alarms list",
    "refused-data": "data quarantine list",
    "approvals": "approvals show {loop}",
    "blocked": "watch {loop} --once",
    "failed-runs": "runs show {loop}",
}
"""Commands that show it; else what was decided and why."""


@dataclass(frozen=True)
class Letter:
    """What is told; `link` leads to the console, where that has an address, and `command` to the same in a terminal."""

    id: str
    project: str
    loop: str
    channel: str
    items: tuple[NoticeItem, ...]
    link: str | None
    command: str
    test: bool = False

    @property
    def title(self) -> str:
        """One line: whose, and what."""
        where = self.loop if self.project == "default" else f"{self.project}/{self.loop}"
        if self.test:
            return f"TEST {where}: Millrace can reach you here"
        if len(self.items) == 1:
            return f"{where}: {heading(self.items[0])}"
        return f"{where}: {len(self.items)} things: {heading(self.items[0])}, …"

    @property
    def text(self) -> str:
        """All of it, for who reads no markup."""
        told = (
            [TEST] if self.test else [f"{heading(item)}\n{body(item)}\n{when(item)}" for item in self.items]
        )
        return "\n\n".join([*told, self.way])

    @property
    def way(self) -> str:
        """Where to look, in words."""
        return f"Look: {self.link}\nOr: {self.command}" if self.link else f"Look: {self.command}"

    @property
    def answers(self) -> str | None:
        """Id of the message that this one ends, if it is about one alone."""
        earlier = {item.answers for item in self.items}
        return next(iter(earlier)) if len(earlier) == 1 else None


def heading(item: NoticeItem) -> str:
    """What it is, in one line."""
    return item.title + (", and is over already" if item.over else "")


def body(item: NoticeItem) -> str:
    """What there is to know of it."""
    return item.words + (f"\n{item.over}" if item.over else "")


def when(item: NoticeItem) -> str:
    """Both times of it, where it has both: of the data, and of the clock."""
    clock = f"recorded {_minute(item.at)}"
    return clock if item.event_time is None else f"as of {_minute(item.event_time)} in the data, {clock}"


def link(console: str, project: str, loop: str, items: Sequence[NoticeItem]) -> str | None:
    """The page of the console about it; None where the console has no address."""
    if not console:
        return None
    topics = {item.topic for item in items}
    place = PLACES.get(next(iter(topics))) if len(topics) == 1 else None
    path = (place or "/p/{project}/loops/{loop}").format(project=quote(project), loop=quote(loop))
    return console.rstrip("/") + path


def command(project: str, loop: str, items: Sequence[NoticeItem]) -> str:
    """A command that shows more of it."""
    where = "" if project == "default" else f" --project {project}"
    if not items:
        return f"millrace{where} watch {loop} --once"
    first = items[0]
    told = COMMANDS.get(first.topic, f"explain {first.decision}").format(loop=loop)
    return f"millrace{where} {told}"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
