"""Tokens that people made for programs: the registry keeps them, every service asks it, and believes it for seconds.

So one that is revoked opens nothing anywhere within SECONDS, whichever service was asked last. While the registry does
not answer, what is not believed any more is not let in.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime

import httpx

from millrace.transport.errors import ApiError, Busy
from millrace_contracts.people import PERSONAL, TokenStanding
from millrace_core.database import utcnow
from millrace_core.errors import Unavailable
from millrace_core.rights import Actor

SECONDS = 3.0
"""How long an answer of the registry is believed."""
MOST = 10_000
"""Tokens of which an answer is remembered."""
GONE = 404
Ask = Callable[[str], Awaitable[TokenStanding | None]]
"""What stands of the token with this SHA-256; None: nothing. Raises: what a client of the registry raises."""


class Personal:
    """For one event loop.

    Args:
        clock: seconds, that only grow.
        now: the time of day, by which a token ends.
    """

    def __init__(
        self,
        ask: Ask,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._ask, self._seconds, self._clock, self._now = ask, seconds, clock, now
        self._known: OrderedDict[str, tuple[float, TokenStanding | None]] = OrderedDict()

    async def actor(self, token: str) -> Actor | None:
        """Whose *token* this is, or None. Raises: Unavailable while the registry cannot be asked."""
        if not token.startswith(PERSONAL):
            return None
        digest = hashlib.sha256(token.encode()).hexdigest()
        found = await self._standing(digest)
        if found is None or found.ends_at <= self._now():
            return None
        everywhere = next((grant.role for grant in found.grants if grant.project is None), "")
        given = tuple((grant.project, grant.role) for grant in found.grants if grant.project is not None)
        return Actor(found.name, everywhere, pod="", given=given, identifier=found.identifier, token=found.id)

    async def _standing(self, digest: str) -> TokenStanding | None:
        known = self._known.get(digest)
        if known is not None and known[0] > self._clock():
            return known[1]
        asked = self._clock()
        found = await self._asked(digest)
        self._known[digest] = (asked + self._seconds, found)
        self._known.move_to_end(digest)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return found

    async def _asked(self, digest: str) -> TokenStanding | None:
        try:
            return await self._ask(digest)
        except ApiError as error:
            if error.status == GONE:
                return None
            raise _away(error) from error
        except (Busy, httpx.HTTPError, TimeoutError) as error:
            raise _away(error) from error


def _away(error: Exception) -> Unavailable:
    return Unavailable(
        f"The registry, which keeps people's tokens, does not answer ({type(error).__name__}). Try again."
    )
