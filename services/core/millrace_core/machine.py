"""What this machine has: the CPUs that we may use, and GPUs."""

import os
import re
from pathlib import Path

DEVICES = Path("/dev")


def cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def gpus() -> int:
    """GPUs of NVIDIA that have a device here and are not hidden by CUDA_VISIBLE_DEVICES."""
    there = sum(re.fullmatch(r"nvidia\d+", path.name) is not None for path in DEVICES.glob("nvidia*"))
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is None:
        return there
    return min(there, len([name for name in shown.split(",") if name.strip() not in ("", "-1")]))
