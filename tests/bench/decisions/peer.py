"""A detector in a process of its own environment, which knows nothing of ours: a line of JSON in, a line out."""

import contextlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.decisions import packages

HERE = Path(__file__).parent / "foreign"


class Silent(Exception):
    """The process ended instead of answering; the text is what it said last."""


class Peer:
    """One process of `foreign/NAME.py` in the environment NAME."""

    def __init__(self, name: str, *given: str) -> None:
        self.name = name
        command = [str(packages.python(name)), "-W", "ignore", str(HERE / f"of_{name}.py"), *given]
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 (open as long as the process)
        self._process = subprocess.Popen(
            command, env=os.environ | packages.QUIET, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._said,
        )  # fmt: skip

    def ask(self, told: dict[str, Any]) -> dict[str, Any]:
        """Its answer. Raises: Silent."""
        process = self._process
        try:
            process.stdin.write(json.dumps(told) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            process.wait()
            self._said.seek(0)
            raise Silent(f"{self.name}: {self._said.read().strip()[-600:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """It ends when nobody asks any more."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._said.close()
