"""The files of one job: how the service and the job's process tell each other things that survive both.

Everything is written to a temporary name, synced and renamed, so a reader sees all of a file or none.
"""

import fcntl
import os
import shutil
from pathlib import Path
from typing import TypeVar

import orjson
from pydantic import BaseModel

from millrace_contracts.bodies import Document

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS

Kept = TypeVar("Kept", bound=BaseModel)


class JobFolder:
    """Paths and files of one job.

    assignment.json (service to job), process.json, progress.json, events.jsonl, usage.json, result.json,
    error.json and setback.json (job to service), cancel (service to job), lock (held as long as the process lives).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.scratch = path / "scratch"
        self.events = path / "events.jsonl"
        self.trials = path / "trials.db"
        self.log = path / "output.log"
        self.lock = path / "lock"
        self.cancel = path / "cancel"

    def make(self) -> None:
        """Make the folder, closed to other users."""
        self.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.chmod(0o700)

    def read(self, name: str, what: type[Kept]) -> Kept | None:
        """What `write` left under *name*; None when there is nothing."""
        document = self.document(name)
        return None if document is None else what.model_validate(document)

    def document(self, name: str) -> Document | None:
        """The same as JSON, for what is passed on unread."""
        try:
            content: Document = orjson.loads((self.path / f"{name}.json").read_bytes())
        except FileNotFoundError:
            return None
        return content

    def write(self, name: str, value: BaseModel | Document, lasting: bool = True) -> None:
        """Put *value* under *name* at once and as a whole; *lasting*: on the disk before this returns."""
        target, staged = self.path / f"{name}.json", self.path / f".{name}.{os.getpid()}"
        shown = (
            value.model_dump(mode="json", by_alias=True, warnings=False)
            if isinstance(value, BaseModel)
            else value
        )
        with staged.open("wb") as file:
            file.write(orjson.dumps(shown, option=OPTIONS))
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        os.replace(staged, target)

    def fresh(self) -> None:
        """Forget what an earlier attempt said of itself; events, log, trials and finished pieces stay."""
        self.make()
        for name in ("setback", "usage", "progress"):
            (self.path / f"{name}.json").unlink(missing_ok=True)

    def is_held(self) -> bool:
        """Whether a process of this job is alive: it holds the lock for as long as it lives."""
        try:
            file = os.open(self.lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def empty_scratch(self) -> None:
        """Give back the disk space of an ended job; log, events and trials stay."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def remove(self) -> None:
        """Remove everything about the job that is not in SQL."""
        shutil.rmtree(self.path, ignore_errors=True)
