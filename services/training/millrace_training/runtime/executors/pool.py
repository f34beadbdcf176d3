"""A pool of processes that knows which payload a dead worker had, and lets no trial eat the job.

`concurrent.futures` breaks the whole pool when one worker dies; here the payload is tried again alone. Workers are
forked from a server that has imported the numerical libraries once and runs nothing else.
"""

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from typing import Any

from millrace_training.runtime import memory
from millrace_training.runtime.errors import Cancelled, TaskFailed
from millrace_training.runtime.executors import worker
from millrace_training.runtime.executors.tasks import ATTEMPTS, ONE_THREAD

WARM = "millrace_training.process.warm"
POLL_SECONDS = 0.1
AHEAD = 4
"""Payloads per worker that may be out or done before the first of them is told."""
MEMORY_SHARE = 0.9
"""Share of the job's memory at which the largest worker is stopped, before the whole job would be."""
LEAST_SHARE = 0.1
"""A worker below this share of the job's memory is not what fills it."""


def warm_up() -> None:
    """Start the server that workers are forked from, if it does not run: it takes seconds, so begin early."""
    multiprocessing.set_forkserver_preload([WARM])
    with _environment(ONE_THREAD):
        forkserver.ensure_running()


class Worker:
    """One process, its pipe, and the payload it works on."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("forkserver")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=worker.serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.index: int | None = None

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Pool:
    """At most *workers* processes, started when first needed and kept between calls of `map`."""

    def __init__(self, workers: int, memory_bytes: int) -> None:
        self.workers = max(1, workers)
        self.memory_bytes = memory_bytes
        self._alive: list[Worker] = []
        warm_up()

    def map(self, function: str, payloads: Iterable[Any], is_cancelled: Callable[[], bool]) -> Iterator[Any]:
        run = _Run(self, function, payloads)
        try:
            while not run.over:
                run.hand_out()
                run.collect()
                self._watch_memory(run)
                if is_cancelled():
                    raise Cancelled
                yield from run.ready()
        finally:
            for busy in [item for item in self._alive if item.index is not None]:
                self.drop(busy)

    def idle(self) -> Worker | None:
        """A worker without work, started if there may be one more; None when all are busy."""
        free = next((item for item in self._alive if item.index is None), None)
        if free is None and len(self._alive) < self.workers:
            free = Worker()
            self._alive.append(free)
        return free

    def busy(self) -> dict[Connection, Worker]:
        return {item.pipe: item for item in self._alive if item.index is not None}

    def drop(self, item: Worker) -> None:
        """Stop a worker for good; its place may be taken by a new one."""
        self._alive.remove(item)
        item.stop()

    def _watch_memory(self, run: "_Run") -> None:
        busy = {item: item.process.pid or 0 for item in self._alive if item.index is not None}
        limit = int(MEMORY_SHARE * self.memory_bytes)
        if not busy or memory.used((os.getpid(), *busy.values()), limit) <= limit:
            return
        used = {item: memory.resident(pid) for item, pid in busy.items()}
        largest = max(used, key=lambda item: used[item])
        if used[largest] < LEAST_SHARE * self.memory_bytes:
            return
        peak, limit = used[largest] >> 20, self.memory_bytes >> 20
        run.fail(largest, "OutOfMemory", f"stopped at {peak} MiB; the job may use {limit} MiB in all")

    def close(self) -> None:
        while self._alive:
            self.drop(self._alive[0])


class _Run:
    """One call of `map`: what waits, what is out, what is done."""

    def __init__(self, pool: Pool, function: str, payloads: Iterable[Any]) -> None:
        self.pool, self.function = pool, function
        self.source = enumerate(payloads)
        self.exhausted = False
        self.again: deque[int] = deque()
        self.kept: dict[int, Any] = {}
        self.attempts: dict[int, int] = {}
        self.done: dict[int, Any] = {}
        self.told = 0

    @property
    def over(self) -> bool:
        return self.exhausted and not self.kept and not self.done

    def hand_out(self) -> None:
        """Give every idle worker a payload; payloads are drawn only when someone can take them."""
        while (idle := self.pool.idle()) is not None:
            index = self._next()
            if index is None:
                return
            idle.index = index
            self.attempts[index] = self.attempts.get(index, 0) + 1
            try:
                idle.pipe.send((self.function, self.kept[index]))
            except OSError:
                self._lost(idle)

    def _next(self) -> int | None:
        if self.again:
            return self.again.popleft()
        if self.exhausted or len(self.kept) + len(self.done) >= AHEAD * self.pool.workers:
            return None
        try:
            index, payload = next(self.source)
        except StopIteration:
            self.exhausted = True
            return None
        self.kept[index] = payload
        return index

    def collect(self) -> None:
        """Take what has come back; put the payload of a dead worker back into the queue."""
        busy = self.pool.busy()
        if not busy:
            return
        for pipe in wait(list(busy), timeout=POLL_SECONDS):
            item = busy[pipe]  # type: ignore[index]
            try:
                result = item.pipe.recv()
            except (EOFError, OSError):
                self._lost(item)
                continue
            self._finish(item.index, result)
            item.index = None

    def ready(self) -> Iterator[Any]:
        while self.told in self.done:
            result = self.done.pop(self.told)
            self.told += 1
            yield result

    def fail(self, item: Worker, error: str, detail: str) -> None:
        """Stop a worker and give up its payload."""
        index = item.index
        self.pool.drop(item)
        self._finish(index, TaskFailed(error, detail))

    def _lost(self, item: Worker) -> None:
        index = item.index
        assert index is not None
        self.pool.drop(item)
        if self.attempts[index] < ATTEMPTS:
            self.again.append(index)
            time.sleep(POLL_SECONDS)
        else:
            code = item.process.exitcode
            self._finish(index, TaskFailed("WorkerDied", f"{ATTEMPTS} workers died of it (exit {code})"))

    def _finish(self, index: int | None, result: Any) -> None:
        assert index is not None
        self.kept.pop(index, None)
        self.done[index] = result


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
