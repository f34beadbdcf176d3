"""The torch examples of docs/howto as a job runs them: in their folder, by Millrace's own tool, to an exported graph.

What is held against what: the same training on this machine's CPU, and the graph's answers against torch's own.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.gpu.part import NotRun, Told, Wrong

ROOT = Path(__file__).parents[2]
HOWTO = ROOT / "docs" / "howto"
TOOLS = ROOT / "services" / "training" / "millrace_training" / "code"
LEAST_R2, MOST_APART, MOST_PARITY = 0.8, 0.1, 1e-3
"""Of what a training has to explain; share by which two trainings' losses may differ; of the target's deviation."""


def train(bundle: Path, told: Told, rehearse: bool) -> None:
    """One process on the GPU, and the same on the CPU."""
    _needs_torch()
    there = _trained(bundle, "own-training-torch", None, {})
    told.add(where=there["device"], **_shown(there))
    if not rehearse:
        _on_a_gpu(there)
    here = _trained(bundle, "own-training-torch", None, {"CUDA_VISIBLE_DEVICES": ""})
    told.add(where=here["device"], **_shown(here), times_as_fast=here["seconds"] / there["seconds"])
    _alike(there, here)


def workers(bundle: Path, told: Told, rehearse: bool) -> None:
    """A worker a GPU, as torchrun begins them; on a CPU two."""
    _needs_torch()
    import torch

    many = 2 if rehearse else torch.cuda.device_count()
    made = _trained(bundle, "own-training-ddp", many, {})
    told.add(where=made["device"], workers=many, backend=made["backend"], **_shown(made))
    wanted = "gloo" if rehearse else "nccl"
    if made["backend"] != wanted:
        raise Wrong(f"the workers met over {made['backend']}, not {wanted}")
    if not rehearse:
        _on_a_gpu(made)


def _needs_torch() -> None:
    if find_spec("torch") is None:
        raise NotRun(f"no torch in {sys.executable}: name one that has it in MILLRACE_GPU_PYTHON")


def _trained(bundle: Path, example: str, many: int | None, variables: dict[str, str]) -> dict[str, Any]:
    """What the example came to. Raises: Wrong if it ended badly, or its graph answers otherwise than it did."""
    with tempfile.TemporaryDirectory(prefix="millrace-gpu-") as place:
        folder = laid(bundle, HOWTO / example / "train.py", Path(place, "job"))
        tool, count = str(folder / "millrace_job.py"), [] if many is None else ["--workers", str(many)]
        line = [sys.executable, "-B", "-u", tool, *count, str(folder)]
        done = subprocess.run(line, env=os.environ | variables, cwd=folder, check=False)
        if done.returncode:
            raise Wrong(f"{example} ended with {done.returncode}: {_failure(folder)}")
        return _read(folder, "code/used.json") | result(folder)


def laid(bundle: Path, script: Path, folder: Path) -> Path:
    """A job's folder: the rows and the order that a real job had laid out, Millrace's tools, and the code."""
    shutil.copytree(bundle / "training", folder)
    (folder / "code").mkdir()
    (folder / "tmp").mkdir(exist_ok=True)
    shutil.copy(script, folder / "code" / "train.py")
    shutil.copy(Path(__file__).with_name("watched.py"), folder / "code")
    for tool in ("millrace_run.py", "millrace_job.py"):
        shutil.copy(TOOLS / tool, folder)
    order = _read(folder, "order.json") | {"entry": "watched:main"}
    (folder / "order.json").write_text(json.dumps(order))
    return folder


def result(folder: Path) -> dict[str, Any]:
    """Its last loss, and what the exported graph explains of the rows; *parity* against what the code itself answered.

    Raises: Wrong if one of them is not what it has to be.
    """
    import numpy as np

    reports = [json.loads(line) for line in (folder / "reports.jsonl").read_text().splitlines()]
    exported = _read(folder, "exported.json")
    target = np.load(folder / "rows" / "target.npy").astype(np.float64)
    found: dict[str, Any] = {"epochs": len(reports), "loss": reports[-1]["metrics"]["loss"]}
    if find_spec("onnxruntime") is None:
        return found | {"r2": None, "parity": "no onnxruntime here"}
    answers = _answers(folder / exported["file"], np.load(folder / "rows" / "matrix.npy"))
    said = np.array(exported["answers"], np.float64).reshape(-1)
    mine = answers[:: exported["every"]][: len(said)]
    found["r2"] = float(1 - np.mean((answers - target) ** 2) / target.var())
    found["parity"] = float(np.abs(mine - said).max() / target.std())
    if not found["parity"] <= MOST_PARITY:
        raise Wrong(f"the graph answers otherwise than the code did, by {found['parity']:.2g} deviations")
    if not found["r2"] >= LEAST_R2:
        raise Wrong(f"the graph explains {found['r2']:.2f} of the target, at least {LEAST_R2} is wanted")
    return found


def _answers(path: Path, matrix: Any) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: matrix})[0].reshape(-1).astype("float64")


def _on_a_gpu(made: dict[str, Any]) -> None:
    if made["device"] == "cpu" or not made["peak_mib"]:
        raise Wrong(
            f"it ran on {made['device']} and used {made['peak_mib']:.0f} MiB of a GPU: torch sees none"
        )


def _alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    apart = abs(one["loss"] - other["loss"]) / other["loss"]
    if not apart <= MOST_APART:
        raise Wrong(
            f"the losses on GPU and CPU differ by {apart:.1%}: {one['loss']:.4g}, {other['loss']:.4g}"
        )


def _shown(made: dict[str, Any]) -> dict[str, Any]:
    return {name: made[name] for name in ("seconds", "epochs", "loss", "r2", "parity", "peak_mib")}


def _failure(folder: Path) -> str:
    try:
        return str(_read(folder, "failed.json")["error"])[:500]
    except (OSError, KeyError):
        return "see the log"


def _read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())
