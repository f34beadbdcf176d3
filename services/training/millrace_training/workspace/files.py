"""What arrives from a job's pod, put into the job's folder."""

import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from millrace_contracts.bodies import Document
from millrace_contracts.jobs import JobProgress, PlainDocument, Problem
from millrace_core.errors import BadInput, FieldError, TooLarge
from millrace_training.runtime.assignment import Usage
from millrace_training.runtime.folder import JobFolder
from millrace_training.runtime.trials import TrialStore
from millrace_training.runtime.workspace import Trials
from millrace_training.workspace.schemas import DocumentName

DOCUMENTS: dict[DocumentName, Any] = {
    "progress": JobProgress,
    "usage": Usage,
    "result": PlainDocument,
    "error": Problem,
    "setback": Problem,
}
LARGEST_DOCUMENT = 16 * 2**20
LARGEST_PIECE = 2**30


async def body(chunks: AsyncIterator[bytes], most: int = LARGEST_DOCUMENT) -> bytes:
    """The whole body. Raises: TooLarge for more than *most* bytes."""
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > most:
            raise TooLarge(f"The body has more than {most} bytes.")
    return bytes(content)


def document(name: DocumentName, content: bytes) -> BaseModel | Document:
    """*content* as the document *name*. Raises: BadInput."""
    value: BaseModel | Document = _valid(DOCUMENTS[name], content)
    return value


def trials(content: bytes) -> Trials:
    """Raises: BadInput."""
    sent: Trials = _valid(Trials, content)
    return sent


def _valid(schema: Any, content: bytes) -> Any:
    try:
        return TypeAdapter(schema).validate_python(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise BadInput("The body is not JSON.") from error
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)[:5]
        mistakes = [FieldError(".".join(map(str, item["loc"])), item["msg"]) for item in faults]
        raise BadInput(f"{mistakes[0].where}: {mistakes[0].what}", mistakes) from error


def append(path: Path, offset: int, content: bytes) -> int:
    """Put *content* at the byte *offset* of a stream; what is there stays. Returns the stream's size.

    A gap is not made: then nothing is written, and the size says from where to send.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        if offset <= size < offset + len(content):
            os.write(file, content[size - offset :])
        return os.fstat(file).st_size
    finally:
        os.close(file)


def keep_trials(folder: JobFolder, sent: Trials) -> None:
    """Keep trials as the job's own process would. Raises: BadInput if a number changed its key."""
    store = TrialStore(folder.trials)
    for trial in sent.trials:
        try:
            if trial.values is None:
                store.asked(trial.study, trial.number, trial.params, trial.key)
            else:
                store.save(trial.study, trial.number, trial.params, trial.key, trial.values)
        except ValueError as error:
            raise BadInput(str(error)) from error


async def stage(folder: JobFolder, chunks: AsyncIterator[bytes]) -> Path:
    """Write a body beside its place; the caller moves it there. Raises: TooLarge."""
    staged, size = folder.path / f".incoming-{uuid.uuid4().hex}", 0
    try:
        with staged.open("wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > LARGEST_PIECE:
                    raise TooLarge(f"A piece may have {LARGEST_PIECE} bytes.")
                file.write(chunk)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    return staged
