"""What training code of one's own is given: rows, a way to report, checkpoints, and the export of its graph.

This file is put on the path of the code, in an environment without Millrace: the standard library is all it needs;
NumPy and pyarrow are used where they are installed. What it says, it says by files in its folder.
"""

from __future__ import annotations

import array
import ast
import ctypes
import importlib
import json
import math
import os
import platform
import random
import shutil
import sys
import time
import traceback
from typing import Any

ANSWERED_ROWS, LINE = 1000, 1000
DEATH_SIGNAL, KILL = 1, 9
KINDS = {"<f4": "f", "<f8": "d", "<i8": "q", "<i4": "i"}
"""What Millrace writes, as the standard library's array knows it."""


class Job:
    """Handed to the function that trains.

    Attributes:
        seed: of everything random. params: the numbers of training.code.params.
        task: regression, binary or multiclass. classes: their names in the order of the outputs, or None.
        columns: names of the graph's inputs, where it takes them one by one. features: names of the matrix's columns.
        rank, world_size: which worker this is, and of how many, as torch.distributed has them; 0 of 1 without workers.
            matrix(), target(), time() and rows() are this worker's share: rows rank, rank + world_size, and so on.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        order = _read(folder, "order.json")
        self.seed, self.params = order["seed"], order["params"]
        self.task, self.target_name, self.classes = order["task"], order["target"], order["classes"]
        self.columns = [column["name"] for column in order["columns"]]
        self.features = order["matrix"]
        self.rank, self.world_size = _rank(), int(os.environ.get("WORLD_SIZE", "1"))
        self._order, self._silent = order, False

    def matrix(self) -> Any:
        """float32 (rows, features): numbers filled and scaled, words and dates made numbers. Needs NumPy.

        A graph with one input of this width is enough: Millrace puts what makes the matrix before it.
        """
        import numpy

        every = numpy.load(self._rows("matrix.npy"), mmap_mode="c")
        return every if self.world_size == 1 else numpy.ascontiguousarray(self._mine(every))

    def target(self) -> Any:
        """What is to be learnt, (rows,): float32 numbers, or int64 places among the classes."""
        return self._mine(_array(self._rows("target.npy")))

    def time(self) -> Any:
        """Epoch seconds of each row, int64 (rows,); None for rows without event time. Rows are in their order."""
        path = self._rows("time.npy")
        return self._mine(_array(path)) if os.path.exists(path) else None

    def rows(self) -> dict[str, object]:
        """The columns as they enter the graph, by name: numbers (NaN is missing), texts ("" is missing), or times.

        Arrays of NumPy where it is installed, of a column of tensors (rows, *shape); times are epoch seconds, the least
        int64 is missing.
        """
        return {column["name"]: self._column(number) for number, column in enumerate(self._order["columns"])}

    def parquet(self) -> str:
        """All rows with the columns `__target__` and `__time__`, as the path of a Parquet file: nobody's share."""
        return self._rows("rows.parquet")

    def report(self, step: int, **metrics: Any) -> None:
        """Say how far it is, like report(epoch, loss=0.3). Of workers, only the first is heard."""
        if self._is_another("report"):
            return
        numbers = {str(name)[:100]: _number(value) for name, value in metrics.items()}
        line = json.dumps({"step": int(step), "metrics": numbers})
        with open(os.path.join(self.folder, "reports.jsonl"), "a") as file:
            file.write(line + "\n")

    def checkpoint(self, path: str, step: int | None = None) -> None:
        """Keep a file, from which `resume` goes on after whatever kills this process. The last one counts.

        Of workers, only the first one's is kept, and all go on from it.
        """
        if self._is_another("checkpoint"):
            return
        before = _read(self.folder, "checkpoint.json") or {}
        name = "checkpoint-b" if before.get("file") == "checkpoint-a" else "checkpoint-a"
        _copied(path, os.path.join(self.folder, name))
        _write(self.folder, "checkpoint.json", {"file": name, "step": step})

    def resume(self) -> str | None:
        """Path of the last checkpoint, or None at the beginning."""
        kept = _read(self.folder, "checkpoint.json")
        return os.path.join(self.folder, kept["file"]) if kept else None

    def export(self, path: str, answers: Any, logits: bool = False) -> None:
        """Hand over the ONNX graph in the file *path*. Of workers, only the first one's is taken.

        Args:
            answers: what the trained model itself answers for the first rows, at most 1,000 are looked at. Millrace
                runs the graph on these rows, and refuses it if it answers otherwise.
            logits: whether the graph answers with logits, which Millrace makes probabilities of.
        """
        if self._is_another("export"):
            return
        beside = path + ".data"
        if os.path.exists(beside):
            raise ValueError(
                f"{beside} lies beside the graph; one file must hold it all: export with external_data=False"
            )
        _copied(path, os.path.join(self.folder, "exported.onnx"))
        shown = _answers(answers)
        told = {"file": "exported.onnx", "answers": shown, "logits": bool(logits), "every": self.world_size}
        _write(self.folder, "exported.json", told)

    def _is_another(self, word: str) -> bool:
        """Whether this is not the first worker, which is said once."""
        if self.rank and not self._silent:
            self._silent = True
            print(
                f"worker {self.rank}: {word}() counts from worker 0 alone; here it does nothing",
                file=sys.stderr,
            )
        return self.rank > 0

    def _mine(self, values: Any) -> Any:
        return values if self.world_size == 1 else values[self.rank :: self.world_size]

    def _rows(self, name: str) -> str:
        return os.path.join(self.folder, "rows", name)

    def _column(self, number: int) -> Any:
        words = self._order["columns"][number]["words"]
        values = _array(self._rows(f"{number}.npy"))
        if words is None:
            return self._mine(values)
        values = self._mine(values)
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
    whose = {"rank": _rank(), "at": time.time()} if "RANK" in os.environ else {}
    name = f"failed-{_rank()}.json" if whose else "failed.json"
    _write(folder, name, dict(told, **whose, trace=[line[:LINE] for line in lines[-40:]]))


def _rank() -> int:
    return int(os.environ.get("RANK", "0"))


def _own_code(folder: str) -> str:
    """The code's folder; workers of one machine have one each."""
    place = int(os.environ.get("LOCAL_RANK", "0"))
    return os.path.join(folder, f"code-{place}" if place else "code")


def _ends_with_its_parent() -> None:
    """A worker is killed when what watches over it is."""
    if "LOCAL_RANK" in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, KILL, 0, 0, 0)


def _is_ours(file: str) -> bool:
    return file == __file__ or file == importlib.__file__ or file.startswith("<frozen importlib")


def run(folder: str) -> int:
    """Run the code in *folder*; returns the exit status."""
    job = Job(folder)
    if not job.rank:
        _environment(folder)
    random.seed(job.seed)
    sys.path[:0] = [_own_code(folder)]
    module, _, name = job._order["entry"].partition(":")
    try:
        getattr(importlib.import_module(module), name)(job)
    except Exception as error:
        traceback.print_exc()
        _failed(folder, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.modules.setdefault("millrace_job", sys.modules["__main__"])
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    home = os.path.abspath(sys.argv[-1])
    if len(sys.argv) > 2:
        import millrace_run

        if sys.argv[1] == "--serve":
            millrace_run.serve(home)
        sys.exit(millrace_run.workers(home, int(sys.argv[2])))
    _ends_with_its_parent()
    os.chdir(_own_code(home))
    sys.exit(run(home))
