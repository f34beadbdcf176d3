"""Peak memory of the whole platform: the resident sets of all its processes together."""

import threading

import psutil

EVERY = 0.5


class Memory:
    """Watches this process and all below it: `with Memory() as memory: …; memory.peak` in bytes.

    Pages that processes share count once for each of them, so the truth is a little lower.
    """

    def __init__(self) -> None:
        self.peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self.peak = max(self.peak, total())


def total() -> int:
    """Bytes resident in this process and all its descendants now."""
    own = psutil.Process()
    return sum(_resident(process) for process in (own, *own.children(recursive=True)))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
