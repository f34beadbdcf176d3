"""The other end of the pool's pipe: takes calls until the pipe closes, and dies with its parent."""

import ctypes
import os
import signal
from multiprocessing.connection import Connection

from millrace_training.runtime.executors.tasks import call

PR_SET_PDEATHSIG = 1


def serve(pipe: Connection) -> None:
    """Answer (function, payload) with the function's result, or TaskFailed, one at a time."""
    _die_with_parent()
    while True:
        try:
            function, payload = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(call(function, payload))


def _die_with_parent() -> None:
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
