"""What a page asks of other services: all at once, each within its time, and what does not come is named."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from millrace.transport.errors import ApiError

Answer = TypeVar("Answer")
MISSING = (404, 410)
AWAY = " does not answer now"


@dataclass
class Asked:
    """One page's questions. *missing*: a sentence for each service that did not answer.

    Args:
        seconds: how long each answer may take.
    """

    seconds: float
    missing: list[str] = field(default_factory=list)

    async def of(self, service: str, question: Coroutine[Any, Any, Answer], otherwise: Answer) -> Answer:
        """What *service* answers, or *otherwise* where it does not, or knows nothing of the kind.

        Raises: ApiError where it refuses: who asks is nobody it knows, may not, or asked wrongly.
        """
        try:
            async with asyncio.timeout(self.seconds):
                return await question
        except ApiError as error:
            if error.status in MISSING:
                return otherwise
            if error.status < 500 and error.status != 429:
                raise
            self.note(service, str(error))
        except (TimeoutError, httpx.HTTPError):
            self.note(service, f"no answer within {self.seconds:g} s")
        return otherwise

    async def must(self, service: str, question: Coroutine[Any, Any, Answer]) -> Answer:
        """What *service* answers; without it there is no page. Raises: Away, ApiError."""
        try:
            async with asyncio.timeout(self.seconds):
                return await question
        except ApiError as error:
            if error.status < 500 and error.status != 429:
                raise
            raise Away(service, str(error)) from error
        except (TimeoutError, httpx.HTTPError) as error:
            raise Away(service, f"no answer within {self.seconds:g} s") from error

    def note(self, service: str, why: str) -> None:
        """Remember that *service* did not answer; once is enough."""
        if not lacks(self.missing, service):
            self.missing.append(f"{service}{AWAY} ({why}); what it knows is missing on this page.")


def lacks(missing: Iterable[str], service: str) -> bool:
    """Whether *service* is among those that did not answer: what it was asked for is not known, and not nothing."""
    return any(item.startswith(f"{service}{AWAY}") for item in missing)


class Away(Exception):
    """A service without which there is no page does not answer."""

    def __init__(self, service: str, why: str) -> None:
        super().__init__(f"{service} does not answer now: {why}.")
        self.service = service
