"""Hears of changed resources at once, by kopf, in a thread of its own; what it misses the next list finds.

kopf takes over the signals of a main thread, and its watching must not wait for a busy loop.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import kopf

from millrace.crd import GROUP, PLURAL, VERSION
from millrace_core.log import log

Hear = Callable[[str | None, dict[str, Any]], None]
SERVER_SECONDS, CLIENT_SECONDS, CONNECT_SECONDS = 240, 300, 10
"""A watch is begun anew after some minutes, so that a dead connection is not listened to for ever."""
STOP_SECONDS = 5.0


class Watch:
    """One watch, until it is stopped; `alive` says whether it still listens."""

    def __init__(self, replica: str, namespaces: Sequence[str], hear: Hear) -> None:
        self._replica, self._namespaces, self._hear = replica, namespaces, hear
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Listen no more (blocking, for a few seconds at most)."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._listen())
        except Exception as error:
            log.warning("the watch of ModelLoops has ended", error=type(error).__name__)

    async def _listen(self) -> None:
        os.environ.setdefault(
            "POD_ID", self._replica
        )  # else kopf asks who the user is, whom an image does not know
        await kopf.operator(
            registry=self._registry(),
            settings=_settings(),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=self._stop,
        )

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        def login(**known: Any) -> kopf.ConnectionInfo | None:
            return kopf.login_with_service_account(**known) or kopf.login_with_kubeconfig(**known)

        @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
        async def changed(event: Any, **_: Any) -> None:
            self._hear(event["type"], dict(event["object"]))

        return registry


def _settings() -> kopf.OperatorSettings:
    """Nothing is scanned, posted or annotated: kopf only listens."""
    made = kopf.OperatorSettings()
    made.scanning.disabled = True
    made.posting.enabled = False
    made.watching.server_timeout = SERVER_SECONDS
    made.watching.client_timeout = CLIENT_SECONDS
    made.watching.connect_timeout = CONNECT_SECONDS
    return made
