"""The workspace of one attempt as its pod sees it: calls to the training service, and what their answers mean."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import httpx
import orjson
from pydantic import BaseModel

from millrace.client import ApiError, Millrace
from millrace.client.training import Training
from millrace.transport.requests import Call, part
from millrace_contracts.bodies import Document
from millrace_training.runtime.trials import Trial
from millrace_training.runtime.workspace import Told, WorkspaceRead

Answer = TypeVar("Answer")
PAUSE_SECONDS = 2.0
PIECE_SECONDS = 300.0


class Superseded(Exception):
    """This attempt is not the current one, or the job is over: nothing that it says counts."""


class Unheard(Exception):
    """The service did not answer, or cannot answer now; worth another try."""


class Refused(Exception):
    """The service read what it was sent and will never take it."""


class Remote:
    """Raises, everywhere: Superseded; Unheard; Refused."""

    def __init__(self, id: str, attempt: int) -> None:
        self._training: Training = Millrace.from_environment().training
        self._id, self._attempt = id, attempt
        self._path = f"/v1/jobs/{part(id)}/workspace"

    def begin(self) -> WorkspaceRead:
        """What the attempt begins with."""
        asked = self._once("GET", self._path)
        return self._call(lambda: self._training.api.answer(WorkspaceRead, asked))

    def trials(self) -> Iterator[Trial]:
        """The trials that earlier attempts left."""
        for item in self._call(lambda: self._training.trials(self._id)):
            yield Trial(item.study, item.number, item.key, item.params, item.values)

    def piece(self, name: str) -> bytes:
        """A file of a finished piece of work."""
        asked = replace(self._once("GET", f"{self._path}/pieces/{part(name)}"), timeout=PIECE_SECONDS)
        return self._call(lambda: self._training.api.send(asked)).content

    def keep_piece(self, name: str, content: bytes) -> Told:
        sent = self._once("PUT", f"{self._path}/pieces/{part(name)}")
        return self._put(replace(sent, timeout=PIECE_SECONDS), content)

    def append(self, stream: str, offset: int, content: bytes) -> Told:
        return self._put(self._once("PUT", f"{self._path}/streams/{stream}", offset=offset), content)

    def keep(self, name: str, value: BaseModel | Document) -> Told:
        """Send a document: usage, progress, result, error, setback, trials."""
        shown = value.model_dump(mode="json", warnings=False) if isinstance(value, BaseModel) else value
        return self._put(self._once("PUT", f"{self._path}/{name}"), orjson.dumps(shown))

    def _once(self, method: str, path: str, **params: int) -> Call:
        """A call of this attempt that is not repeated by the client: `patiently` does that."""
        return Call(method, path, params={"attempt": self._attempt, **params}, retry=False)

    def _put(self, call: Call, content: bytes) -> Told:
        sent = replace(call, content=content)
        return self._call(lambda: self._training.api.answer(Told, sent))

    @staticmethod
    def _call(call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except httpx.TransportError as error:
            raise Unheard(f"{type(error).__name__}: {error}") from error
        except ApiError as error:
            if error.status in (404, 409):
                raise Superseded(str(error)) from error
            if error.status in (413, 422):
                raise Refused(str(error)) from error
            raise Unheard(str(error)) from error


def patiently(call: Callable[[], Answer], seconds: Callable[[], float]) -> Answer:
    """The answer of *call*, tried again for *seconds*, which may change meanwhile. Raises: the last Unheard."""
    began = time.monotonic()
    while True:
        try:
            return call()
        except Unheard:
            if time.monotonic() - began > seconds():
                raise
            time.sleep(PAUSE_SECONDS)


def folder() -> str:
    """Where the job's files lie in its pod; the same in every attempt, as files name each other."""
    return os.environ.get("MILLRACE_JOB_FOLDER", "/job/work")
