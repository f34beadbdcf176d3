"""Where code of a user's own runs: a process of this machine, or the container of its image beside this one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import psutil

from millrace_contracts.custom_code import CodeEnded, CodeGuards, CodeSpec
from millrace_training.code import millrace_job, sandbox
from millrace_training.code.laying import put
from millrace_training.runtime.errors import JobError

KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
"""Variables of the platform that the code gets too; none of them is a secret."""
OURS = ("MILLRACE_JOB_ID", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY")
"""The job's mark, by which all its processes are stopped, and its share of the machine."""
BESIDE = "MILLRACE_CODE_FOLDER"
"""Where a pod has a folder that it shares with the container of the code's image."""
TOOL = Path(millrace_job.__file__).name
MOST_PROCESSES = 512


class Running(Protocol):
    """A process of the code."""

    def ended(self) -> int | None:
        """Its exit status, below 0 or above 128 if a signal killed it; None while it runs."""

    def processes(self) -> int:
        """How many there are of it."""

    def stop(self) -> None:
        """Kill all of it."""


def start(folder: Path, code: CodeSpec, number: int, seed: int) -> Running:
    """Start the code that lies in *folder*, for the time *number*. Raises: JobError without its interpreter."""
    if os.environ.get(BESIDE):
        return Beside(folder, code, number)
    return Child(folder, code, seed)


class Child:
    """A process group of this machine, apart from the platform as far as the kernel allows it."""

    def __init__(self, folder: Path, code: CodeSpec, seed: int) -> None:
        conditions = {
            "folder": str(folder),
            "command": [interpreter(code.python), "-B", "-u", str(folder / TOOL), str(folder)],
            "network": code.network,
            "hide": _hidden(folder, code),
        }
        command = [sys.executable, "-I", sandbox.__file__, json.dumps(conditions)]
        self._process = subprocess.Popen(
            command,
            env=environment(folder, seed),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def ended(self) -> int | None:
        return self._process.poll()

    def processes(self) -> int:
        try:
            return len(psutil.Process(self._process.pid).children(recursive=True))
        except psutil.Error:
            return 0

    def stop(self) -> None:
        """The group, and by its death what has left the group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Beside:
    """A process in another container, which waits for begin-N and writes ended-N.json."""

    def __init__(self, folder: Path, code: CodeSpec, number: int) -> None:
        self._folder, self._number = folder, number
        network = "open" if code.network else "by policy"
        guards = CodeGuards(network=network, files="enforced", processes="enforced")
        put(folder / "guards.json", guards.model_dump_json().encode())
        put(folder / f"begin-{number}", b"")

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
