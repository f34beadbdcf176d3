"""Runs the parts in turn, each with a time of its own, and writes what came of them; the standard library alone.

Together they end within ten minutes. A part that cannot run says why, and the others go on.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.gpu import machine, telling
from tests.gpu.part import NOT_RUN, RIGHT, WRONG

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / ".cache" / "gpu" / "bundle"
WHOLE_SECONDS = 570.0
CHILD = ["-m", "tests.gpu.child"]
PATIENCE = 4
"""How many times as long a rehearsal may take: a CPU is slower, and nobody waits for it."""
ALL_RAN, SOMETHING_WRONG, NO_BEGINNING, NOT_ALL = 0, 1, 2, 3


@dataclass(frozen=True)
class Part:
    """A part of the run: a function of a module beside this one, and the seconds that it may take."""

    name: str
    module: str
    function: str
    seconds: float
    what: str


PARTS = (
    Part("train", "learning", "train", 110, "the torch example trains on CUDA"),
    Part("workers", "learning", "workers", 80, "the example for several workers, over NCCL, one a GPU"),
    Part("cuda", "graphs", "cuda", 150, "our graphs in onnxruntime's CUDA provider"),
    Part("ort-tensorrt", "graphs", "tensorrt", 120, "our graphs in onnxruntime's TensorRT provider"),
    Part("tensorrt", "engines", "native", 60, "our graphs in engines that TensorRT's Python builds"),
    Part("trtexec", "engines", "trtexec", 45, "the command by which a cluster builds an engine"),
)


def main(arguments: list[str] | None = None) -> int:
    """Exit status as `tests/gpu/run` tells."""
    asked = _asked(arguments)
    if not (asked.bundle / "manifest.json").exists():
        print(
            f"{asked.bundle} has no manifest.json: make it with 'tests/gpu/run --prepare', and carry it along"
        )
        return NO_BEGINNING
    began = time.monotonic()
    asked.out.mkdir(parents=True, exist_ok=True)
    told = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "rehearsal": asked.rehearse,
        "machine": machine.described(),
        "bundle": json.loads((asked.bundle / "manifest.json").read_text())["made"],
        "parts": {},
    }
    for part in PARTS:
        if not asked.only or part.name in asked.only:
            left = WHOLE_SECONDS * _patience(asked) - (time.monotonic() - began)
            told["parts"][part.name] = {"what": part.what, **run(part, asked, left)}
            _write(asked.out, told)
    print(telling.text(told))
    return status(part["state"] for part in told["parts"].values())


def run(part: Part, asked: argparse.Namespace, left: float) -> dict[str, Any]:
    """What came of a part: its state, why, its figures, and the seconds that it took."""
    if not machine.gpus() and not asked.rehearse:
        return {"state": NOT_RUN, "why": machine.NO_GPU, "figures": [], "seconds": 0.0}
    if left <= 1:
        return {"state": NOT_RUN, "why": "the ten minutes were over", "figures": [], "seconds": 0.0}
    file, began = asked.out / f"{part.name}.json", time.monotonic()
    seconds = min(part.seconds * _patience(asked), left)
    file.unlink(missing_ok=True)
    mode = "rehearse" if asked.rehearse else "run"
    line = [sys.executable, *CHILD, part.module, part.function, asked.bundle, file, mode]
    with (asked.out / f"{part.name}.log").open("wb") as log:
        ended = _ended(list(map(str, line)), log, seconds)
    told = json.loads(file.read_text()) if file.exists() else {"state": None, "why": "", "figures": []}
    file.unlink(missing_ok=True)
    if told["state"] is None:
        told |= {"state": WRONG, "why": f"{ended}; see {part.name}.log"}
    return told | {"seconds": round(time.monotonic() - began, 1)}


def _patience(asked: argparse.Namespace) -> int:
    return PATIENCE if asked.rehearse else 1


def _ended(line: list[str], log: Any, seconds: float) -> str:
    """How the part's process ended; it and what it began are killed when their time is up."""
    process = subprocess.Popen(line, stdout=log, stderr=log, cwd=ROOT, start_new_session=True)
    try:
        return f"its process ended with {process.wait(seconds)}"
    except subprocess.TimeoutExpired:
        return f"it took more than {seconds:.0f} s"
    finally:
        _killed(process)


def _killed(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def status(states: Any) -> int:
    """The exit status for what came of the parts."""
    seen = set(states)
    if WRONG in seen:
        return SOMETHING_WRONG
    return ALL_RAN if seen == {RIGHT} else NOT_ALL


def _write(out: Path, told: dict[str, Any]) -> None:
    (out / "gpu.json").write_text(json.dumps(told, indent=2) + "\n")
    (out / "gpu.txt").write_text(telling.text(told) + "\n")


def _asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="what --prepare made")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "gpu", help="where figures and logs go")
    parser.add_argument("--only", nargs="*", choices=[part.name for part in PARTS], help="these parts alone")
    parser.add_argument(
        "--rehearse", action="store_true", help="the same on the CPU, to see that all of it works but the GPU"
    )
    asked = parser.parse_args(arguments)
    asked.bundle, asked.out = asked.bundle.resolve(), asked.out.resolve()
    return asked


if __name__ == "__main__":
    sys.exit(main())
