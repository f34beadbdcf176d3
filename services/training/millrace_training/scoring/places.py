"""Files of answers into a folder of this machine or an object store: each is there as a whole, or not at all."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from millrace_contracts.sinks import Sink
from millrace_contracts.sources import StoreAccess
from millrace_training.runtime.errors import JobError
from millrace_training.sources import stores
from millrace_training.sources.retries import patiently
from millrace_training.sources.secrets import Secrets

REJECTED = ".rejects.csv"
"""What the file of lines that could not be read is called, behind the name of the answers."""


class Place(Protocol):
    """Where files go; *written*: their names so far."""

    written: list[str]

    def put(self, file: Path, name: str) -> None:
        """Write a file, over one of that name."""

    def forget(self, ending: str) -> None:
        """Remove what an earlier scoring left beside the one file that is replaced each time."""


@contextmanager
def opened(sink: Sink) -> Iterator[Place]:
    """The place of a sink that is no table. Raises: JobError."""
    single = sink.one_file() is not None
    if sink.bucket is not None and not sink.bucket.url.startswith("file:"):
        yield Bucket(sink.bucket, Secrets(sink), single)
        return
    path = Path(sink.path or unquote(urlsplit(sink.bucket.url if sink.bucket else "").path))
    if not path.is_absolute():
        raise JobError("A path is not whole", f"{path} is relative.", "Write it from / on.")
    yield Folder(path, single)


class Folder:
    """A folder, or one file in it. *single*: the path is that of the file."""

    def __init__(self, path: Path, single: bool) -> None:
        self.written: list[str] = []
        self._folder, self._single = path.parent if single else path, path.name if single else None

    def put(self, file: Path, name: str) -> None:
        target = self._folder / _called(self._single, name)
        staged = target.with_name(f".{target.name}.staged")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, staged)
            os.replace(staged, target)
        except OSError as error:
            mend = "Look at sink.path and who may write there."
            raise JobError("The folder takes no files", f"{target}: {error.strerror}.", mend) from error
        self.written.append(str(target))

    def forget(self, ending: str) -> None:
        if self._single is not None:
            (self._folder / (self._single + ending)).unlink(missing_ok=True)


class Bucket:
    """A prefix of an object store, or one object. *single*: the URL is that of the object."""

    def __init__(self, asked: StoreAccess, secrets: Secrets, single: bool) -> None:
        self.written: list[str] = []
        self._asked, self._secrets = asked, secrets
        self._url, _, name = asked.url.rpartition("/") if single else (asked.url.rstrip("/"), "", "")
        self._single = name or None
        self._store = stores.opened(asked, secrets, self._url)

    def put(self, file: Path, name: str) -> None:
        called = _called(self._single, name)
        patiently(self._try, lambda: stores.put(self._store, called, file))
        self.written.append(f"{self._url}/{called}")

    def forget(self, ending: str) -> None:
        if self._single is not None:
            patiently(self._try, lambda: stores.delete(self._store, f"{self._single}{ending}"))

    def _try(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except stores.FAULTS as error:
            raise self._failed(error) from None

    def _failed(self, error: Any) -> Exception:
        return stores.failed(self._asked, self._secrets, error, "The bucket takes no files")


def _called(single: str | None, name: str) -> str:
    """A file's name; where one file is replaced each time, what stands beside it goes by its name."""
    if single is None:
        return name
    return single + REJECTED if name.endswith(REJECTED) else single
