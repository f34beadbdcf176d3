"""Hears when a process ends, also one that is no child of ours: nobody needs to look all the time."""

import asyncio
import contextlib
import os
from collections.abc import Callable


class Ear:
    """Listens to one process at a time, and calls *then*, in the event loop, when it has ended."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then
        self._handle: int | None = None

    def listen(self, pid: int) -> None:
        """From now on to this process; a kernel that cannot tell leaves it to the passes."""
        self.close()
        with contextlib.suppress(OSError):
            self._handle = os.pidfd_open(pid)
            asyncio.get_running_loop().add_reader(self._handle, self._heard)

    def _heard(self) -> None:
        self.close()
        self._then()

    def close(self) -> None:
        """Listen no more."""
        if self._handle is not None:
            asyncio.get_running_loop().remove_reader(self._handle)
            os.close(self._handle)
            self._handle = None
