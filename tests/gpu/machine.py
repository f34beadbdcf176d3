"""What the machine has that the parts need to know; the standard library alone."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

DEVICES = Path("/dev")
FIELDS = ("name", "driver_version", "memory.total", "compute_cap")
PACKAGES = ("torch", "numpy", "onnx", "onnxruntime", "onnxruntime-gpu", "tensorrt")
NO_GPU = "no GPU here"


def gpus() -> int:
    """NVIDIA's GPUs, by their devices."""
    return sum(re.fullmatch(r"nvidia\d+", path.name) is not None for path in DEVICES.glob("nvidia*"))


def described() -> dict[str, Any]:
    """Processor, GPUs as their driver names them, and versions of what may run graphs."""
    return {
        "gpus": smi() if gpus() else [],
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def smi() -> list[dict[str, str]]:
    """A line of nvidia-smi for each GPU; none if that does not answer."""
    line = ["nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader"]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=15, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [
        dict(zip(FIELDS, map(str.strip, row.split(",")), strict=False)) for row in done.stdout.splitlines()
    ]


def _processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
