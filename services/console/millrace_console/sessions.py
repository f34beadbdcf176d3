"""Sessions, kept in this process alone: the browser holds a random name, the token never leaves the server.

They end with the process, after some hours, after some hours of silence, when somebody signs out or in again, or when
somebody ends them elsewhere; whether the token still holds is for the services to say, at every call.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from millrace.aio import AsyncMillrace
from millrace.transport.tokens import TokenFile
from millrace_console.settings import ConsoleSettings
from millrace_console.signin.renewing import Renewal

MOST = 2000
"""Sessions at one time; the one that was silent longest makes room."""
HOUR = 3600.0
Way = Literal["token", "password", "provider"]


@dataclass(frozen=True)
class Entry:
    """How somebody came in.

    *word*: what a session with a password opens services with, which ends with it. *of*: whose session it is, where
    that is not told by the name alone. *browser*: as it calls itself. *renewal*: of a provider's token.
    """

    way: Way = "token"
    word: str = ""
    of: str = ""
    browser: str = ""
    renewal: Renewal | None = None


@dataclass
class Person:
    """Somebody who is signed in: their name, their own clients, and what their forms carry against forgery."""

    name: str
    clients: AsyncMillrace
    ends: float
    seen: float
    entry: Entry = field(default_factory=Entry)
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    projects: tuple[str, ...] = ()
    """Those that they may see, as last asked."""
    asked: float = float("-inf")
    """When that was."""

    @property
    def of(self) -> str:
        """Whose session it is."""
        return self.entry.of or self.name


NOTHING_SAID = Entry()
Leave = Callable[[Person], Awaitable[None]]
"""What is done for a session that is over."""


@dataclass(frozen=True)
class _Link:
    token: str
    ends: float


class Sessions:
    """Everybody who is signed in.

    Args:
        urls: base URL of each service by name.
        now: seconds of a clock that only goes forward.
        stands: whether the word of a session with a password opens something still.
        leave: what is done for a session that is over, besides closing its connections.
    """

    def __init__(
        self, settings: ConsoleSettings, urls: Mapping[str, str], now: Callable[[], float] = time.monotonic,
        stands: Callable[[str], bool] = bool, leave: Leave | None = None,
    ) -> None:  # fmt: skip
        self._settings, self._urls, self._now = settings, urls, now
        self._stands, self._leave = stands, leave
        self._people: OrderedDict[str, Person] = OrderedDict()
        self._links: dict[str, _Link] = {}
        self._leaving: list[Person] = []

    def clients(self, token: str | TokenFile) -> AsyncMillrace:
        """The services as who has *token* sees them; whoever takes it closes it."""
        return AsyncMillrace(self._urls, token)

    def begin(self, name: str, clients: AsyncMillrace, entry: Entry = NOTHING_SAID) -> str:
        """Sign somebody in; returns the name of the session, which is shown once and kept as its digest."""
        self._forget()
        now, key = self._now(), secrets.token_urlsafe(32)
        ends = now + self._settings.session_hours * HOUR
        self._people[_digest(key)] = Person(name, clients, ends, now, entry)
        while len(self._people) > MOST:
            self._leaving.append(self._people.popitem(last=False)[1])
        return key

    def of(self, person: Person) -> list[Person]:
        """All sessions of whose this one is, the newest first."""
        self._forget()
        mine = [item for item in self._people.values() if _whose(item) == _whose(person)]
        return sorted(mine, key=lambda item: item.began, reverse=True)

    async def end_those(self, people: list[Person]) -> None:
        """End these sessions."""
        keys = [key for key, item in self._people.items() if item in people]
        self._leaving += [self._people.pop(key) for key in keys]
        await self.close_ended()

    def find(self, key: str) -> Person | None:
        """Whose session this is, if it goes on."""
        self._forget()
        person = self._people.get(_digest(key))
        if person is not None and person.entry.word and not self._stands(person.entry.word):
            self._leaving.append(self._people.pop(_digest(key)))
            return None
        if person is not None:
            person.seen = self._now()
            self._people.move_to_end(_digest(key))
        return person

    def holds(self, person: Person) -> bool:
        """Whether their session goes on; asking is no sign of life."""
        self._forget()
        return any(known is person for known in self._people.values())

    async def end(self, key: str) -> None:
        """Sign somebody out; closes what has ended meanwhile, too."""
        person = self._people.pop(_digest(key), None)
        if person is not None:
            self._leaving.append(person)
        await self.close_ended()

    async def close_ended(self) -> None:
        """Close the connections of sessions that are over, and end what they opened."""
        while self._leaving:
            person = self._leaving.pop()
            await person.clients.close()
            if self._leave is not None:
                await self._leave(person)

    async def close_over(self) -> None:
        """Close what is over though nobody came: of sessions that ended by age, silence or elsewhere nothing stays."""
        self._forget()
        ended = [
            key for key, item in self._people.items() if item.entry.word and not self._stands(item.entry.word)
        ]
        self._leaving += [self._people.pop(key) for key in ended]
        await self.close_ended()

    async def close(self) -> None:
        """End them all."""
        self._leaving += self._people.values()
        self._people.clear()
        await self.close_ended()

    def offer(self, token: str) -> str:
        """A word that signs in whoever has *token*, once and soon."""
        self._forget()
        word = secrets.token_urlsafe(32)
        self._links[_digest(word)] = _Link(token, self._now() + self._settings.link_seconds)
        return word

    def redeem(self, word: str) -> str | None:
        """The token behind a word that `offer` gave; None if it was used, is too old, or is none."""
        self._forget()
        link = self._links.pop(_digest(word), None)
        return None if link is None else link.token

    def _forget(self) -> None:
        """Sessions and links that are over."""
        now, silent = self._now(), self._settings.idle_hours * HOUR
        over = [key for key, item in self._people.items() if item.ends <= now or item.seen + silent <= now]
        self._leaving += [self._people.pop(key) for key in over]
        self._links = {word: link for word, link in self._links.items() if link.ends > now}


def _whose(person: Person) -> tuple[bool, str]:
    """A token and a password of one name are one person's; a provider's people have names of their own."""
    return person.entry.way == "provider", person.of


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
