"""A provider's token while a session goes on: shown to the services, and renewed before it ends."""

import asyncio
from dataclasses import dataclass, field

from millrace.transport.tokens import TokenFile


class Held(TokenFile):
    """A bearer token that the console renews; no file and no browser has it."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self) -> str:
        return self.token


@dataclass
class Renewal:
    """By what a session's token is renewed.

    *refresh*: empty if the provider gave nothing to renew it with; the session then ends with it. *ends*: seconds since
    1970 until which it holds. *of*: the subject; another one's token is none of this session.
    """

    held: Held
    refresh: str
    ends: float
    of: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
