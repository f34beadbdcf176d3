"""Run mapped functions here, one after the other: for light jobs and for tests."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from millrace_training.runtime.errors import Cancelled
from millrace_training.runtime.executors.tasks import call


class Inline:
    """No processes, no start-up; one thread a call, like everywhere."""

    def map(self, function: str, payloads: Iterable[Any], is_cancelled: Callable[[], bool]) -> Iterator[Any]:
        from threadpoolctl import threadpool_limits

        for payload in payloads:
            if is_cancelled():
                raise Cancelled
            with threadpool_limits(1):
                result = call(function, payload)
            yield result

    def close(self) -> None:
        """Nothing to stop."""
