"""Mapped functions as Ray tasks: on a throw-away cluster of this machine, or on the one made for the job."""

import os
import secrets
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from millrace_training.runtime.errors import Cancelled, JobError, TaskFailed
from millrace_training.runtime.executors.shipping import Parcel, Sender, remote_call
from millrace_training.runtime.executors.tasks import ATTEMPTS, ONE_THREAD, call

POLL_SECONDS = 0.5
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_task_oom_retries": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # the job's own limit acts instead
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
Submit = Callable[[str, Any], Any]


class Ray:
    """What both clusters share: so many tasks out at a time, their results in submission order."""

    def __init__(self, environment: dict[str, str]) -> None:
        os.environ.update(environment)
        try:
            import ray  # reads the environment once, when it is imported
        except ImportError as error:
            raise JobError("No Ray here", "Ray is not installed.", "Use `executor: pool`.") from error
        self._ray = ray
        self._started = False
        self.workers = 1

    def _start(self) -> None:
        raise NotImplementedError

    def _begin(self) -> Submit:
        """How to submit one payload of a call of `map`."""
        raise NotImplementedError

    def _received(self, answer: Any) -> Any:
        """The result in what a task returned."""
        return answer

    def map(self, function: str, payloads: Iterable[Any], is_cancelled: Callable[[], bool]) -> Iterator[Any]:
        if not self._started:
            self._start()
            self._started = True
        submit, source, out = self._begin(), iter(payloads), deque[Any]()
        try:
            while True:
                while len(out) < 2 * self.workers and (item := next(source, self)) is not self:
                    out.append(submit(function, item))
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
            return self._received(self._ray.get(reference))
        except self._ray.exceptions.RayError as error:
            return TaskFailed("WorkerDied", f"Ray gave up after {ATTEMPTS} attempts: {type(error).__name__}")

    def close(self) -> None:
        if self._started:
            self._ray.shutdown()
            self._started = False


class LocalRay(Ray):
    """A cluster on this machine only, with token authentication, started with the first call and gone with `close`."""

    def __init__(self, workers: int) -> None:
        super().__init__(ENVIRONMENT | ONE_THREAD | {"RAY_AUTH_TOKEN": secrets.token_hex(32)})
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

    def _begin(self) -> Submit:
        submit: Submit = self._call.remote
        return submit

    def close(self) -> None:
        super().close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


class JoinedRay(Ray):
    """The cluster that was made for this job: its head is this machine, its workers are others.

    Files travel with the tasks (`shipping`); the cluster goes when the job does.
    """

    def __init__(self, address: str, scratch: Path) -> None:
        super().__init__({})
        self._address, self._scratch = address, scratch
        self._sender: Sender
        self._call: Any = None

    def _start(self) -> None:
        self._ray.init(address=self._address, configure_logging=False, log_to_driver=False)
        self.workers = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._sender = Sender(self._scratch, self._ray.put)
        self._call = self._ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(_shipped)

    def _begin(self) -> Submit:
        home = self._ray.get_runtime_context().get_node_id()
        parcel = self._ray.put(self._sender.parcel())
        return lambda function, payload: self._call.remote(function, payload, parcel, home)

    def _received(self, answer: Any) -> Any:
        result, files = answer
        self._sender.unpack(files)
        return result


def _shipped(function: str, payload: Any, parcel: Parcel, home: str) -> tuple[Any, dict[str, bytes]]:
    """One task: where the job itself runs, its files are there already."""
    import ray

    if ray.get_runtime_context().get_node_id() == home:
        return call(function, payload), {}
    return remote_call(function, payload, parcel, ray.get)


def _short_folder() -> str:
    """Where Ray's sockets fit: their paths may have 107 bytes, of which Ray takes about 70."""
    folder = tempfile.gettempdir()
    return folder if len(folder) <= 30 else "/tmp"  # noqa: S108
