"""Keeps what many send: what comes while other things are written goes together into the next transaction."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from millrace_core.database import Connection, Direct

Sent = TypeVar("Sent")
Kept = TypeVar("Kept")
Write = Callable[[Connection, list[Sent]], Sequence[Kept | Exception]]
"""Writes all that was sent, in one transaction, and says what became of each."""


class Spool(Generic[Sent, Kept]):
    """One writer for all senders: waiting here costs less than waiting for a lock of the database, and a commit that
    is on the disk is shared by all who came meanwhile.
    """

    def __init__(self, direct: Direct) -> None:
        self._direct = direct
        self._waiting: list[tuple[Sent, asyncio.Future[Kept]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def keep(self, sent: Sent, write: Write[Sent, Kept]) -> Kept:
        """What became of *sent*, which is on the disk when this returns.

        Args:
            write: the same for all.
        Raises: what *write* says or raises; what the database raises.
        """
        kept: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        self._waiting.append((sent, kept))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(write), name="spool")
        return await kept

    async def _write(self, write: Write[Sent, Kept]) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            try:
                answers = await self._direct.run(partial(_written, write, [sent for sent, _ in taken]))
            except BaseException as error:
                _tell(taken, [error] * len(taken))
            else:
                _tell(taken, answers)


def _written(
    write: Write[Sent, Kept], sent: list[Sent], connection: Connection
) -> Sequence[Kept | Exception]:
    return write(connection, sent)


def _tell(taken: list[tuple[Sent, asyncio.Future[Kept]]], answers: Sequence[Kept | BaseException]) -> None:
    """Each its own answer, but for those who have gone."""
    for (_, kept), answer in zip(taken, answers, strict=True):
        if kept.done():
            continue
        if isinstance(answer, BaseException):
            kept.set_exception(answer)
        else:
            kept.set_result(answer)
