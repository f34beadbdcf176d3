"""What drift costs: a million rows of ten columns against a baseline, in chunks, in a process of its own."""

import json
import resource
import subprocess
import sys
import time
from typing import Any

ROWS, CHUNK = 1_000_000, 100_000
NUMBERS, WORDS = 7, 3


def measure() -> dict[str, Any]:
    """CPU-seconds and peak memory of a fresh process that profiles the rows and scores every feature."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.bench.drift"], capture_output=True, text=True, check=True
    )
    return json.loads(child.stdout)


def main() -> None:
    """Profile two worlds of 74 days in chunks, judge the last 14 days, and print the costs."""
    import numpy as np

    from millrace_stats import drift
    from millrace_stats.profiles import fit_spec, profile

    rng = np.random.default_rng(7)
    words = np.array([f"word {number}" for number in range(200)], object)

    def chunk(shift: float) -> dict[str, Any]:
        made: dict[str, Any] = {f"n{i}": rng.normal(shift * (i < 3), 1, CHUNK) for i in range(NUMBERS)}
        return made | {f"c{i}": words[rng.integers(0, len(words), CHUNK)] for i in range(WORDS)}

    kinds = {f"n{i}": "number" for i in range(NUMBERS)} | {f"c{i}": "category" for i in range(WORDS)}
    chunks = [chunk(0.0 if number < 8 else 0.6) for number in range(ROWS // CHUNK)]
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.process_time()
    spec = fit_spec(chunks[0], kinds)
    profiles = [profile(spec, part) for part in chunks]
    days = [profiles[number % 8] for number in range(60)] + profiles[8:] * 7
    counts = {name: np.stack([day.counts[name] for day in days]) for name in kinds}
    window = drift.judge({n: c[:60] for n, c in counts.items()}, {n: c[60:] for n, c in counts.items()})
    spent = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {
        "drift_rows": ROWS,
        "drift_columns": NUMBERS + WORDS,
        "drift_cpu_seconds": spent,
        "drift_peak_mib": peak,
        "drift_data_mib": before.ru_maxrss / 1024,
        "drift_found": window.firing,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
