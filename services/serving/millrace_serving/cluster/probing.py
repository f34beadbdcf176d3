"""Golden rows for every pod by its own address: a pod can be Ready and answer wrong."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from millrace_serving.cluster import names
from millrace_serving.triton import forms, golden
from millrace_serving.triton.client import Triton, TritonError
from millrace_serving.triton.golden import WrongAnswer
from millrace_serving.triton.repository import Wanted

Part = Mapping[str, Any]
PATIENCE = 5.0
"""Seconds that the golden rows may take; a dead stub says so after one."""
STRIKES = 3
"""Silent tries in a row after which a pod counts as dead. One that refuses connections is the kubelet's business."""


@dataclass
class Record:
    """What is known of one pod."""

    right_at: float = 0.0
    """When it last answered rightly (monotonic); 0: never."""
    silent: int = 0
    wrong: str = ""
    packs: bool = False
    """Whether it takes packed tensors; tried once in a pod's life, when it has answered columns."""


@dataclass
class Prober:
    """Asks pods, and remembers by their uid what they answered."""

    seconds: float
    """Pause between two tries of a pod that answers rightly."""
    records: dict[tuple[str, str], Record] = field(default_factory=dict)

    def record(self, pod: Part, name: str) -> Record:
        """What is known of a pod as that of the revision *name*."""
        return self.records.setdefault((pod["metadata"]["uid"], name), Record())

    def right(self, pod: Part, name: str) -> bool:
        """Whether the pod answered the golden rows of a revision when it was last asked."""
        record = self.record(pod, name)
        return bool(record.right_at) and not record.wrong

    def forget(self, pods: Iterable[Part]) -> None:
        """Keep only what is known of *pods*, which are all that there are."""
        there = {pod["metadata"]["uid"] for pod in pods}
        self.records = {key: record for key, record in self.records.items() if key[0] in there}

    async def ask(self, item: Wanted, pod: Part, pause: float | None = None) -> Record:
        """Try the golden rows, unless the pod answered them rightly a moment ago, or no longer than *pause* ago."""
        record = self.record(pod, item.name)
        since = time.monotonic() - record.right_at
        if not record.wrong and record.right_at and since < (self.seconds if pause is None else pause):
            return record
        try:
            record.packs = await self._try(item, pod, record)
            record.right_at, record.silent, record.wrong = time.monotonic(), 0, ""
        except WrongAnswer as error:
            record.wrong = str(error)
        except TritonError as error:
            self._note(record, error)
        return record

    async def _try(self, item: Wanted, pod: Part, record: Record) -> bool:
        triton = Triton(f"http://{_bracketed(pod['status']['podIP'])}:{names.TRITON_PORT}")
        try:
            columns = golden.columns(item.golden.inputs, item.signature)
            answered = await triton.infer(item.name, columns, PATIENCE)
            golden.compare(item.golden.outputs, answered, item.exact)
            return record.packs if record.right_at else await forms.packs(triton, item, PATIENCE)
        finally:
            await triton.close()

    @staticmethod
    def _note(record: Record, error: TritonError) -> None:
        """An answer that is an error is wrong; silence only when it lasts; a refused connection never."""
        if isinstance(error.__cause__, httpx.TimeoutException):
            record.silent += 1
        if error.answered or record.silent >= STRIKES:
            record.wrong = f"the golden rows get no answer: {error}"
        elif not record.silent:
            record.right_at = 0.0


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
