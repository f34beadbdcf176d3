"""Carries the files of a job's scratch folder to other machines, and finished pieces of work back.

Mapped functions name files by their path. On the machine of the job they are there; on another one they are put there,
under the same path, before the first call that needs them. No shared file system is needed.
"""

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace_training.runtime import pieces
from millrace_training.runtime.executors.tasks import call

Stamp = tuple[int, int]


@dataclass(frozen=True)
class Parcel:
    """Files of a folder: what each holds (fetched when it is needed) and a stamp that changes with it."""

    folder: str
    files: dict[str, tuple[Stamp, Any]]


class Sender:
    """The job's side. *put* keeps bytes where every machine can fetch them, and returns how to."""

    def __init__(self, scratch: Path, put: Callable[[bytes], Any]) -> None:
        self.scratch, self._put = scratch, put
        self._kept: dict[str, tuple[Stamp, Any]] = {}
        self._received: set[str] = set()

    def parcel(self) -> Parcel:
        """All files as they are now; those that came back from other machines need not go out again."""
        for path in sorted(self.scratch.rglob("*")):
            name, stamp = str(path.relative_to(self.scratch)), _stamp(path)
            if not path.is_file() or name in self._received or path.name.startswith("."):
                continue
            if name not in self._kept or self._kept[name][0] != stamp:
                self._kept[name] = (stamp, self._put(path.read_bytes()))
        return Parcel(str(self.scratch), dict(self._kept))

    def unpack(self, files: dict[str, bytes]) -> None:
        """Put what another machine finished where the job looks for it, each piece's JSON last."""
        for name, content in files.items():
            self._received.add(name)
            _write(self.scratch / name, content)


def remote_call(
    function: str, payload: Any, parcel: Parcel, fetch: Callable[[list[Any]], list[bytes]]
) -> tuple[Any, dict[str, bytes]]:
    """Call *function* on another machine; its result and the files of the pieces that it finished."""
    folder = Path(parcel.folder)
    _unpack(folder, parcel, fetch)
    before = {path.name: _stamp(path) for path in pieces.finished(folder)}
    result = call(function, payload)
    files = [path for path in pieces.finished(folder) if before.get(path.name) != _stamp(path)]
    return result, {path.name: path.read_bytes() for path in files}


def _unpack(folder: Path, parcel: Parcel, fetch: Callable[[list[Any]], list[bytes]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    missing = {
        name: held
        for name, (stamp, held) in parcel.files.items()
        if not _marker(folder, name, stamp).exists()
    }
    for name, content in zip(missing, fetch(list(missing.values())), strict=True):
        _write(folder / name, content)
        marker = _marker(folder, name, parcel.files[name][0])
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()


def _marker(folder: Path, name: str, stamp: Stamp) -> Path:
    """A file that says that *name* is here as it was sent."""
    return folder / ".came" / f"{name.replace('/', '%')}-{stamp[0]}-{stamp[1]}"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    staged.write_bytes(content)
    os.replace(staged, path)


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size
