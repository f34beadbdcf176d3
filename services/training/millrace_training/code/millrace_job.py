"""What training code of one's own is given: rows, a way to report, checkpoints, and the export of its graph.

This file is put on the path of the code, in an environment without Millrace: the standard library is all it needs;
NumPy and pyarrow are used where they are installed. What it says, it says by files in its folder.
"""

from __future__ import annotations

import array
import ast
import glob
import importlib
import json
import math
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from typing import Any

ANSWERED_ROWS, LINE, POLL = 1000, 1000, 0.1
KINDS = {"<f4": "f", "<f8": "d", "<i8": "q", "<i4": "i"}
"""What Millrace writes, as the standard library's array knows it."""


class Job:
    """Handed to the function that trains.

    Attributes:
        seed: of everything random. params: the numbers of training.code.params.
        task: regression, binary or multiclass. classes: their names in the order of the outputs, or None.
        columns: names of the graph's inputs, where it takes them one by one. features: names of the matrix's columns.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        order = _read(folder, "order.json")
        self.seed, self.params = order["seed"], order["params"]
        self.task, self.target_name, self.classes = order["task"], order["target"], order["classes"]
        self.columns = [column["name"] for column in order["columns"]]
        self.features = order["matrix"]
        self._order = order

    def matrix(self) -> Any:
        """float32 (rows, features): numbers filled and scaled, words and dates made numbers. Needs NumPy.

        A graph with one input of this width is enough: Millrace puts what makes the matrix before it.
        """
        import numpy

        return numpy.load(self._rows("matrix.npy"), mmap_mode="c")

    def target(self) -> Any:
        """What is to be learnt, (rows,): float32 numbers, or int64 places among the classes."""
        return _array(self._rows("target.npy"))

    def time(self) -> Any:
        """Epoch seconds of each row, int64 (rows,); None for rows without event time. Rows are in their order."""
        path = self._rows("time.npy")
        return _array(path) if os.path.exists(path) else None

    def rows(self) -> dict[str, object]:
        """The columns as they enter the graph, by name: numbers (NaN is missing), texts ("" is missing), or times.

        Arrays of NumPy where it is installed, of a column of tensors (rows, *shape); times are epoch seconds, the least
        int64 is missing.
        """
        return {column["name"]: self._column(number) for number, column in enumerate(self._order["columns"])}

    def parquet(self) -> str:
        """The same with the columns `__target__` and `__time__`, as the path of a Parquet file."""
        return self._rows("rows.parquet")

    def report(self, step: int, **metrics: Any) -> None:
        """Say how far it is, like report(epoch, loss=0.3)."""
        numbers = {str(name)[:100]: _number(value) for name, value in metrics.items()}
        line = json.dumps({"step": int(step), "metrics": numbers})
        with open(os.path.join(self.folder, "reports.jsonl"), "a") as file:
            file.write(line + "\n")

    def checkpoint(self, path: str, step: int | None = None) -> None:
        """Keep a file, from which `resume` goes on after whatever kills this process. The last one counts."""
        before = _read(self.folder, "checkpoint.json") or {}
        name = "checkpoint-b" if before.get("file") == "checkpoint-a" else "checkpoint-a"
        _copied(path, os.path.join(self.folder, name))
        _write(self.folder, "checkpoint.json", {"file": name, "step": step})

    def resume(self) -> str | None:
        """Path of the last checkpoint, or None at the beginning."""
        kept = _read(self.folder, "checkpoint.json")
        return os.path.join(self.folder, kept["file"]) if kept else None

    def export(self, path: str, answers: Any, logits: bool = False) -> None:
        """Hand over the ONNX graph in the file *path*.

        Args:
            answers: what the trained model itself answers for the first rows, at most 1,000 are looked at. Millrace
                runs the graph on these rows, and refuses it if it answers otherwise.
            logits: whether the graph answers with logits, which Millrace makes probabilities of.
        """
        beside = path + ".data"
        if os.path.exists(beside):
            raise ValueError(
                f"{beside} lies beside the graph; one file must hold it all: export with external_data=False"
            )
        _copied(path, os.path.join(self.folder, "exported.onnx"))
        shown = _answers(answers)
        _write(
            self.folder, "exported.json", {"file": "exported.onnx", "answers": shown, "logits": bool(logits)}
        )

    def _rows(self, name: str) -> str:
        return os.path.join(self.folder, "rows", name)

    def _column(self, number: int) -> Any:
        words = self._order["columns"][number]["words"]
        values = _array(self._rows(f"{number}.npy"))
        if words is None:
            return values
        if hasattr(values, "shape"):
            import numpy

            return numpy.array([*words, ""], dtype=object)[values]
        return [[*words, ""][code] for code in values]


def _array(path: str) -> Any:
    """An array of NumPy, or where that is not installed one of the standard library."""
    try:
        import numpy
    except ImportError:
        return _plain_array(path)
    return numpy.load(path)


def _plain_array(path: str) -> Any:
    with open(path, "rb") as file:
        magic = file.read(8)
        size = int.from_bytes(file.read(2 if magic[6] == 1 else 4), "little")
        head = ast.literal_eval(file.read(size).decode("latin1"))
        if len(head["shape"]) > 1:
            raise ImportError("a column of tensors needs NumPy; install it in the environment of this code")
        values = array.array(KINDS[head["descr"]])
        values.frombytes(file.read())
    return values


def _answers(answers: Any) -> list[list[float | None]]:
    for name in ("detach", "cpu"):  # of tensors
        if hasattr(answers, name):
            answers = getattr(answers, name)()
    first = answers[:ANSWERED_ROWS]
    if hasattr(first, "tolist"):
        first = first.tolist()
    return [[_number(cell) for cell in (row if hasattr(row, "__len__") else [row])] for row in first]


def _number(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _read(folder: str, name: str) -> Any:
    try:
        with open(os.path.join(folder, name)) as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def _write(folder: str, name: str, value: Any) -> None:
    staged = os.path.join(folder, "." + name)
    with open(staged, "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(staged, os.path.join(folder, name))


def _copied(path: str, target: str) -> None:
    staged = target + ".coming"
    shutil.copyfile(path, staged)
    with open(staged, "rb") as file:
        os.fsync(file.fileno())
    os.replace(staged, target)


def _environment(folder: str) -> None:
    packages = {}
    try:
        from importlib import metadata

        for item in metadata.distributions():
            name = item.metadata["Name"]
            if name:
                packages[name[:200]] = str(item.version)
    except Exception as error:  # what is installed is told, not needed
        print(f"packages are not told: {error}", file=sys.stderr)
    _write(folder, "environment.json", {"python": platform.python_version(), "packages": packages})


def _failed(folder: str, error: Exception) -> None:
    """What is told of a failure: the lines of the code itself, not those of this file."""
    inner = error.__traceback__
    while inner is not None and _is_ours(inner.tb_frame.f_code.co_filename):
        inner = inner.tb_next
    lines = "".join(traceback.format_exception(type(error), error, inner)).splitlines()
    told = {"error": str(error)[:LINE], "kind": type(error).__name__[:200]}
    _write(folder, "failed.json", dict(told, trace=[line[:LINE] for line in lines[-40:]]))


def _is_ours(file: str) -> bool:
    return file == __file__ or file == importlib.__file__ or file.startswith("<frozen importlib")


def run(folder: str) -> int:
    """Run the code in *folder*; returns the exit status."""
    _environment(folder)
    job = Job(folder)
    random.seed(job.seed)
    sys.path[:0] = [os.path.join(folder, "code")]
    module, _, name = job._order["entry"].partition(":")
    try:
        getattr(importlib.import_module(module), name)(job)
    except Exception as error:
        traceback.print_exc()
        _failed(folder, error)
        return 1
    return 0


def serve(root: str) -> None:
    """Run what is begun in the folders of *root*, for a Millrace in another container of the same pod, until killed."""
    for folder, number in _begun(root):
        if os.path.exists(
            os.path.join(folder, f"started-{number}")
        ):  # before this container was killed for its memory
            _write(folder, f"ended-{number}.json", {"code": 137})
    while True:
        for folder, number in _begun(root):
            _write(folder, f"ended-{number}.json", {"code": _ran(folder, number)})
        time.sleep(POLL)


def _begun(root: str) -> list[tuple[str, int]]:
    """Folders and numbers of what is begun and has not ended."""
    found = []
    for path in sorted(glob.glob(os.path.join(root, "*", "begin-*"))):
        folder, name = os.path.split(path)
        number = int(name.rpartition("-")[2])
        if not os.path.exists(os.path.join(folder, f"ended-{number}.json")):
            found.append((folder, number))
    return found


def _ran(folder: str, number: int) -> int:
    """The exit status of the code, 128 and the signal if one killed it; it is killed when it is told to stop."""
    tool = os.path.join(folder, os.path.basename(__file__))
    open(os.path.join(folder, f"started-{number}"), "w").close()
    child = subprocess.Popen([sys.executable, "-B", "-u", tool, folder], start_new_session=True)
    stop = os.path.join(folder, f"stop-{number}")
    while child.poll() is None:
        if os.path.exists(stop):
            os.killpg(child.pid, signal.SIGKILL)
        time.sleep(POLL)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.modules.setdefault("millrace_job", sys.modules["__main__"])
    if sys.argv[1] == "--serve":
        serve(sys.argv[2])
    home = os.path.abspath(sys.argv[1])
    os.chdir(os.path.join(home, "code"))
    sys.exit(run(home))
