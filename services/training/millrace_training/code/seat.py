"""What a worker's pod does for the job: lays its files beside the code's container, begins it, tells what it says.

It runs inside Ray, in the image that trains; the code runs in the container of its own image in the same pod.
"""

import contextlib
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from millrace_contracts.custom_code import CodeBegin, CodeEnded
from millrace_training.code import place
from millrace_training.code.writing import put

NEWS = ("environment.json", "exported.onnx", "exported.json")
"""What the first worker may hand over, in the order in which it is written."""
MOST_TOLD = 1 << 20


@dataclass(frozen=True)
class News:
    """What is new of a start.

    Attributes:
        ended: its exit status; None while it runs. reports: new lines. files: by name, each as a whole, in their order.
    """

    ended: int | None
    reports: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)


class Seat:
    """One worker's side of a training; it lives as long as one start."""

    def __init__(self) -> None:
        self._root = Path(os.environ[place.BESIDE])
        self._folder = self._root
        self._number = self._told = 0
        self._seen: dict[str, tuple[int, int]] = {}

    def where(self) -> tuple[str, int]:
        """Address of this machine, and a port at which nobody listens."""
        import ray

        address: str = ray.util.get_node_ip_address()
        return address, _free_port(address)

    def lacks(self, name: str, stamps: dict[str, str]) -> list[str]:
        """Which of the files of the training *name* are not here as *stamps* says."""
        self._folder = self._root / name
        return [file for file, stamp in stamps.items() if _read(self._folder / f".{stamp}") != file.encode()]

    def lay(self, file: str, stamp: str, content: bytes) -> None:
        """Put one of them here."""
        path = self._folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        put(path, content)
        (self._folder / f".{stamp}").write_bytes(file.encode())

    def tools(self, files: dict[str, bytes]) -> None:
        """Put the tools here; the code's container waits for the last of them."""
        for folder in (self._folder, self._root):
            folder.mkdir(parents=True, exist_ok=True)
            for file, content in files.items():
                put(folder / file, content)

    def begin(self, number: int, variables: dict[str, str], checkpoint: dict[str, bytes]) -> None:
        """Begin the start *number* of the whole from a checkpoint; what was said before counts no more."""
        self._number = number
        for old in self._olds():
            old.unlink(missing_ok=True)
        (self._folder / "tmp").mkdir(parents=True, exist_ok=True)
        for file, content in checkpoint.items():
            put(self._folder / file, content)
            self._seen[file] = _stamp(self._folder / file)
        begin = CodeBegin(workers=None, variables=variables)
        put(self._folder / f"begin-{number}", begin.model_dump_json().encode())

    def look(self, is_first: bool) -> News:
        """What is new; only the first worker hands something over."""
        ended = self._ended()
        files = self._failures()
        if not is_first:
            return News(ended, files=files)
        return News(ended, self._lines(), self._checkpoint() | files | self._fresh(NEWS))

    def stop(self) -> None:
        """Kill what runs here."""
        put(self._folder / f"stop-{self._number}", b"")

    def _olds(self) -> list[Path]:
        said = ("reports.jsonl", "exported.json", "exported.onnx", "checkpoint.json")
        return [*(self._folder / name for name in said), *self._folder.glob("failed*.json")]

    def _ended(self) -> int | None:
        content = _read(self._folder / f"ended-{self._number}.json")
        return None if content is None else CodeEnded.model_validate_json(content).code

    def _lines(self) -> bytes:
        try:
            with (self._folder / "reports.jsonl").open("rb") as file:
                file.seek(self._told)
                news = file.read(MOST_TOLD)
        except FileNotFoundError:
            return b""
        whole = news[: news.rfind(b"\n") + 1]
        self._told += len(whole)
        return whole

    def _checkpoint(self) -> dict[str, bytes]:
        """The newest checkpoint, its bytes before its name."""
        if not (named := self._fresh(("checkpoint.json",))):
            return {}
        return self._fresh(("checkpoint-a", "checkpoint-b")) | named

    def _failures(self) -> dict[str, bytes]:
        return self._fresh(tuple(sorted(path.name for path in self._folder.glob("failed-*.json"))))

    def _fresh(self, names: tuple[str, ...]) -> dict[str, bytes]:
        found = {}
        for name in names:
            path = self._folder / name
            with contextlib.suppress(FileNotFoundError):
                stamp = _stamp(path)
                if self._seen.get(name) != stamp:
                    self._seen[name], found[name] = stamp, path.read_bytes()
        return found


def _free_port(address: str) -> int:
    with socket.socket() as door:
        door.bind((address, 0))
        port: int = door.getsockname()[1]
    return port


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
