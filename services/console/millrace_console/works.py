"""Looks over everything that is kept: in threads of their own, one for each session, so that no page waits for them."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from pydantic import ValidationError

from millrace.auditing import Heads, NotSigned
from millrace.transport.errors import ApiError
from millrace_contracts.audit import AuditReport
from millrace_core.errors import Conflict
from millrace_core.log import log

AT_ONCE = 2
"""Looks that are made at one time; others wait for their turn."""
Do = Callable[["Work"], None]


class Stopped(Exception):
    """Whoever asked for it has left, or wants no answer."""


@dataclass
class Work:
    """One look: how far it is, and what came of it.

    *loop*: whose archive is made besides; empty for none. *frameworks*: laws and standards against which it is read.
    *entries*: links of all chains when it began.
    """

    project: str
    heads: Heads
    source: str
    loop: str = ""
    frameworks: tuple[str, ...] = ()
    entries: int = 0
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    counts: dict[str, int] = field(default_factory=dict)
    report: AuditReport | None = None
    archive: bytes | None = None
    signed: str = ""
    failure: str = ""
    leave: threading.Event = field(default_factory=threading.Event)
    waits: bool = True

    def tell(self, stage: str, count: int) -> None:
        """So many of *stage* were looked over. Raises: Stopped."""
        self.counts = {**self.counts, stage: count}
        if self.leave.is_set():
            raise Stopped

    @property
    def seconds(self) -> float:
        """For how long it has gone on, or went on."""
        return ((self.ended or datetime.now(UTC)) - self.began).total_seconds()

    @property
    def checked(self) -> int:
        """Links and rows, so far."""
        return sum(self.counts.values())


class Works:
    """The looks of everybody who is signed in; the newest of each session is kept as long as the session.

    A session is known by a word that nobody else has.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="audit")
        self._of: dict[str, Work] = {}

    def of(self, session: str) -> Work | None:
        """The newest look of a session."""
        return self._of.get(session)

    def begin(self, session: str, work: Work, do: Do) -> "Future[None]":
        """Begin a look. Raises: Conflict while another of this session goes on."""
        before = self.of(session)
        if before is not None and before.ended is None:
            raise Conflict("A look over everything goes on already. Wait for its end, or stop it.")
        self._of[session] = work
        return self._threads.submit(_done, work, do)

    def stop(self, session: str) -> None:
        """End a session's look, and forget what came of it."""
        work = self._of.pop(session, None)
        if work is not None:
            work.leave.set()

    def close(self) -> None:
        """Begin no more, and end those that go on."""
        for work in self._of.values():
            work.leave.set()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _done(work: Work, do: Do) -> None:
    """Do it; what goes wrong is told in words."""
    work.waits, work.began = False, datetime.now(UTC)
    try:
        if not work.leave.is_set():
            do(work)
    except Stopped:
        work.failure = "It was stopped."
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:5])
        work.failure = f"An answer of a service cannot be read as {error.title}: {places}"
    except (ApiError, NotSigned) as error:
        work.failure = str(error)
    except httpx.HTTPError as error:
        work.failure = f"A service does not answer: {type(error).__name__}. Begin again when it does."
    except Exception as error:
        log.exception("a look over everything broke")
        work.failure = f"It broke: {type(error).__name__}; the console's log says where."
    finally:
        work.ended = datetime.now(UTC)
