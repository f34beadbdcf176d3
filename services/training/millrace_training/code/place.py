"""Where code of a user's own runs: a process of this machine, or the container of its image beside this one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from millrace_contracts.custom_code import CodeBegin, CodeEnded, CodeGuards, CodeSpec
from millrace_contracts.workers import Workers
from millrace_training.code import sandbox
from millrace_training.code.writing import put
from millrace_training.runtime.errors import JobError

KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
"""Variables of the platform that the code gets too; none of them is a secret."""
OURS = ("MILLRACE_JOB_ID", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY")
"""The job's mark, by which all its processes are stopped, and its share of the machine."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
BESIDE = "MILLRACE_CODE_FOLDER"
"""Where a pod has a folder that it shares with the container of the code's image."""
TOOLS = ("millrace_run.py", "millrace_job.py")
"""What is put beside the code; a container waits for the last."""
TOOL = TOOLS[-1]
MOST_PROCESSES = 512
GONE_SECONDS = 5.0


class Running(Protocol):
    """A start of the code: one process, or workers.

    Attributes:
        workers: how many began; None: there are none, but one process.
    """

    workers: int | None

    def ended(self) -> int | None:
        """Its exit status, below 0 or above 128 if a signal killed it; None while it runs."""

    def processes(self) -> int:
        """How many there are of it."""

    def stop(self) -> None:
        """Kill all of it."""


class Place(Protocol):
    """Where the code runs."""

    def start(self, number: int, seed: int, workers: int | None) -> Running:
        """Start the code for the time *number*. Raises: JobError without its interpreter."""

    def close(self) -> None:
        """Give the place back."""


def tools() -> dict[str, bytes]:
    """Their contents, in their order."""
    return {name: Path(__file__).with_name(name).read_bytes() for name in TOOLS}


def share(team: Workers | None) -> dict[str, str]:
    """The share of a worker, for libraries that would take the whole machine."""
    return {} if team is None else dict.fromkeys(THREADS, str(team.cpu))


@dataclass(frozen=True)
class Here:
    """This machine."""

    folder: Path
    code: CodeSpec
    team: Workers | None

    def start(self, number: int, seed: int, workers: int | None) -> Running:
        (self.folder / f"begin-{number}").touch()
        return Child(self.folder, self.code, environment(self.folder, seed) | share(self.team), workers)

    def close(self) -> None:
        """Every start has ended."""


@dataclass(frozen=True)
class Pod:
    """The container of the code's image, in this pod."""

    folder: Path
    code: CodeSpec
    team: Workers | None

    def start(self, number: int, seed: int, workers: int | None) -> Running:
        return Beside(self.folder, self.code, number, workers, share(self.team))

    def close(self) -> None:
        """It ends with the pod."""


class Child:
    """A process group of this machine, apart from the platform as far as the kernel allows it."""

    def __init__(
        self, folder: Path, code: CodeSpec, variables: Mapping[str, str], workers: int | None
    ) -> None:
        self.workers = workers
        many = [] if workers is None else ["--workers", str(workers)]
        conditions = {
            "folder": str(folder),
            "command": [interpreter(code.python), "-B", "-u", str(folder / TOOL), *many, str(folder)],
            "network": code.network,
            "hide": _hidden(folder, code),
        }
        command = [sys.executable, "-I", sandbox.__file__, json.dumps(conditions)]
        self._process = subprocess.Popen(
            command,
            env=dict(variables),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def ended(self) -> int | None:
        return self._process.poll()

    def processes(self) -> int:
        return len(self._children())

    def stop(self) -> None:
        """The group, and by its death what has left the group, a moment later."""
        children = self._children()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        psutil.wait_procs(children, timeout=GONE_SECONDS)

    def _children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.Error:
            return []


class Beside:
    """A process in another container, which waits for begin-N and writes ended-N.json."""

    def __init__(
        self, folder: Path, code: CodeSpec, number: int, workers: int | None, variables: Mapping[str, str]
    ) -> None:
        self.workers, self._folder, self._number = workers, folder, number
        put(folder / "guards.json", guards(code).model_dump_json().encode())
        begin = CodeBegin(workers=workers, variables=dict(variables))
        put(folder / f"begin-{number}", begin.model_dump_json().encode())

    def ended(self) -> int | None:
        try:
            content = (self._folder / f"ended-{self._number}.json").read_bytes()
        except FileNotFoundError:
            return None
        return CodeEnded.model_validate_json(content).code

    def processes(self) -> int:
        return 0

    def stop(self) -> None:
        put(self._folder / f"stop-{self._number}", b"")


def guards(code: CodeSpec) -> CodeGuards:
    """What keeps code in a container apart."""
    network = "open" if code.network else "by policy"
    return CodeGuards(network=network, files="enforced", processes="enforced")


def interpreter(named: str | None) -> str:
    """The program that runs the code. Raises: JobError if it is not there."""
    if named is None:
        return sys.executable
    path = Path(named).expanduser()
    program = path / "bin" / "python" if path.is_dir() else path
    if not os.access(program, os.X_OK):
        raise JobError(
            "The interpreter of the training code is not there",
            f"{program} is no program.",
            "Name an interpreter or a virtual environment of this machine in training.code.python.",
        )
    return str(program)


def environment(folder: Path, seed: int) -> dict[str, str]:
    """The variables that the code gets: no token, no address, no home of a person."""
    kept = {name: os.environ[name] for name in (*KEPT, *OURS) if name in os.environ}
    rooms = {"HOME": str(folder), "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(folder)}
    return kept | rooms | {"PYTHONHASHSEED": str(seed), "PYTHONDONTWRITEBYTECODE": "1"}


def _hidden(folder: Path, code: CodeSpec) -> list[str]:
    """What the platform keeps on this machine, unless the interpreter lies in it."""
    home = Path(os.environ.get("MILLRACE_HOME") or folder.parents[2])
    inside = home in Path(interpreter(code.python)).parents or home not in folder.parents
    return [] if inside else [str(home)]
