"""Processor time of each part of what answers: it tells where the time goes, whatever else the machine does."""

import contextlib
import os
from collections.abc import Iterable, Mapping

import psutil

PARTS = {
    "tritonserver": "Triton",
    "triton_python_backend_stub": "runner",
    "envoy": "Envoy",
    "millrace_serving": "serving",
    "millrace_monitoring": "monitoring",
}
"""What the command line of a part's processes holds; the first that fits counts."""


def parts(pids: Iterable[int]) -> dict[int, str]:
    """Which part each process of the platform is of; those that answer nobody are left out."""
    named = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            line = " ".join(psutil.Process(pid).cmdline())
            part = next((part for word, part in PARTS.items() if word in line), None)
            if part is not None:
                named[pid] = part
    return named


def seconds(processes: Mapping[int, str]) -> dict[str, float]:
    """Processor seconds so far by part, and of this process, which asks."""
    own = os.times()
    spent = {"client": own.user + own.system}
    for pid, part in processes.items():
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            spent[part] = spent.get(part, 0.0) + times.user + times.system
    return spent
