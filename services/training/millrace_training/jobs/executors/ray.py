"""Mapped functions as Ray tasks on a throw-away local cluster with token authentication."""

import os
import secrets
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from millrace_training.jobs.errors import Cancelled, JobError, TaskFailed
from millrace_training.jobs.executors.tasks import ATTEMPTS, ONE_THREAD, call

POLL_SECONDS = 0.5
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_task_oom_retries": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # the job's own limit acts instead
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class Ray:
    """A cluster on this machine only, started with the first call and gone with `close`."""

    def __init__(self, workers: int) -> None:
        os.environ.update(ENVIRONMENT | ONE_THREAD | {"RAY_AUTH_TOKEN": secrets.token_hex(32)})
        try:
            import ray  # reads the environment once, when it is imported
        except ImportError as error:
            raise JobError("No Ray here", "Ray is not installed.", "Use `executor: pool`.") from error
        self._ray = ray
        self.workers = max(1, workers)
        self._folder: Path | None = None
        self._call: Any = None

    def _start(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ray-", dir=_short_folder()))
        self._ray.init(
            num_cpus=self.workers,
            include_dashboard=False,
            configure_logging=False,
            log_to_driver=False,
            _node_ip_address="127.0.0.1",
            _temp_dir=str(self._folder),
            object_store_memory=200 * 2**20,
        )
        self._call = self._ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(call)

    def map(self, function: str, payloads: Iterable[Any], is_cancelled: Callable[[], bool]) -> Iterator[Any]:
        if self._call is None:
            self._start()
        source, out = iter(payloads), deque[Any]()
        try:
            while True:
                while len(out) < 2 * self.workers and (item := next(source, self)) is not self:
                    out.append(self._call.remote(function, item))
                if not out:
                    return
                yield self._result(out.popleft(), is_cancelled)
        finally:
            for reference in out:
                self._ray.cancel(reference, force=True)

    def _result(self, reference: Any, is_cancelled: Callable[[], bool]) -> Any:
        while not self._ray.wait([reference], timeout=POLL_SECONDS)[0]:
            if is_cancelled():
                raise Cancelled
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return TaskFailed("WorkerDied", f"Ray gave up after {ATTEMPTS} attempts: {type(error).__name__}")

    def close(self) -> None:
        if self._call is not None:
            self._ray.shutdown()
            self._call = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _short_folder() -> str:
    """Where Ray's sockets fit: their paths may have 107 bytes, of which Ray takes about 70."""
    folder = tempfile.gettempdir()
    return folder if len(folder) <= 30 else "/tmp"  # noqa: S108
