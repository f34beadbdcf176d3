"""One call of a mapped function, the same in every executor."""

import importlib
import traceback
from collections.abc import Callable
from typing import Any

from millrace_training.runtime.errors import Cancelled, TaskFailed

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""Environment of a process that runs mapped functions; to be set before numerical libraries load."""
ATTEMPTS = 3


def resolve(function: str) -> Callable[[Any], Any]:
    """The callable behind "package.module:name"."""
    module, _, name = function.partition(":")
    resolved: Callable[[Any], Any] = getattr(importlib.import_module(module), name)
    return resolved


def call(function: str, payload: Any) -> Any:
    """The function's result, or TaskFailed (returned, not raised) with what went wrong."""
    try:
        return resolve(function)(payload)
    except Cancelled:
        raise
    except Exception as error:
        return TaskFailed(type(error).__name__, str(error), traceback.format_exc())
