"""`make bench`: how fast and how small Millrace is on this machine, into out/bench.json and the terminal."""

import json
import os
import platform as machine
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import psutil
from tests.bench import drift, forms, gateway, wide

ROOT = Path(__file__).parents[2]
IDLE_SECONDS = 20


def main() -> int:
    """Measure everything (`wide`: 5, 30 and 300 columns alone, `forms`: INT8 alone); 0 if every figure is in bounds."""
    from millrace.laptop import Platform

    if sys.argv[1:] == ["wide"]:
        return _wide()
    if sys.argv[1:] == ["forms"]:
        return _forms()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=_out()) as folder:
        began = time.perf_counter()
        with Platform(Path(folder) / "home") as platform:
            figures: dict[str, Any] = {"up_seconds": time.perf_counter() - began}
            figures |= idle(platform)
            figures |= gateway.measure(platform.client(), platform.processes(), Path(folder))
        figures["forms"] = forms.measure(Path(folder))
    figures |= drift.measure()
    result = {"date": date.today().isoformat(), "machine": describe(), "figures": figures}
    result["bounds"] = bounds(figures)
    (_out() / "bench.json").write_text(json.dumps(result, indent=2))
    print(json.dumps(result, indent=2))
    return 0 if all(item["met"] for item in result["bounds"]) else 1


def _wide() -> int:
    from millrace.laptop import Platform

    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=_out()) as folder,
        Platform(Path(folder) / "home") as platform,
    ):
        client, pids = platform.client(), platform.processes()
        figures = gateway.measure(client, pids, Path(folder))
        others = wide.widths(client, platform.processes(), Path(folder))
    wide.draw(figures["wide"], others, _out() / "wide.png")
    told = {"machine": describe(), "load": os.getloadavg(), "figures": figures, "widths": others}
    (_out() / "wide.json").write_text(json.dumps(told, indent=2))
    print(json.dumps(told, indent=2))
    return 0


def _forms() -> int:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=_out()) as folder:
        figures = forms.measure(Path(folder))
    print(json.dumps({"machine": describe(), "load": os.getloadavg(), "figures": figures}, indent=2))
    return 0


def _out() -> Path:
    (ROOT / "out").mkdir(exist_ok=True)
    return ROOT / "out"


def idle(platform: Any) -> dict[str, float]:
    """Memory and processor time of all the platform's processes when nobody asks anything."""
    time.sleep(5)
    processes = [psutil.Process(pid) for pid in platform.processes()]
    before = sum(_cpu(process) for process in processes)
    time.sleep(IDLE_SECONDS)
    spent = sum(_cpu(process) for process in processes) - before
    resident = sum(process.memory_info().rss for process in processes)
    return {"idle_gib": resident / 2**30, "idle_cores": spent / IDLE_SECONDS}


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def bounds(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Each promise with its figure."""
    most = {
        "up_seconds": 12,
        "idle_gib": 1.5,
        "idle_cores": 0.05,
        "gateway_p50_ms": 3.0,
        "rollback_seconds": 3.0,
        "drift_cpu_seconds": 2.0,
    }
    least = {"gateway_ratio": 0.40, "packed_over_columns": 2.5}
    rows = [{"name": name, "value": figures[name], "at_most": bound} for name, bound in most.items()]
    rows += [{"name": name, "value": figures[name], "at_least": bound} for name, bound in least.items()]
    rows.append({"name": "records_lost", "value": figures["records_lost"], "at_most": 0})
    for row in rows:
        row["met"] = row.get("at_least", row["value"]) <= row["value"] <= row.get("at_most", row["value"])
    return rows


def describe() -> dict[str, Any]:
    model = subprocess.run(
        ["grep", "-m1", "model name", "/proc/cpuinfo"], capture_output=True, text=True
    ).stdout
    return {
        "processor": model.partition(":")[2].strip(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{machine.system()} {machine.release().split('-')[0]}",
        "python": machine.python_version(),
    }


if __name__ == "__main__":
    sys.exit(main())
