"""The head and the body of an answer leave in one piece: two would wake whoever asked twice, and cost a call each."""

import asyncio
from typing import Any

from millrace_core.heads import BoundedHeads


class Together:
    """A connection whose writes wait until whoever writes has said all that it can say now."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._waiting = transport, list[bytes]()
        self._soon = asyncio.get_running_loop().call_soon

    def write(self, data: bytes) -> None:
        """Sent in this turn of the event loop."""
        if not self._waiting:
            self._soon(self._flush)
        self._waiting.append(data)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._transport.write(b"".join(waiting))

    def close(self) -> None:
        """What was written is sent first."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Protocol(BoundedHeads):
    """HTTP on such a connection."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Together(transport))  # type: ignore[arg-type]
