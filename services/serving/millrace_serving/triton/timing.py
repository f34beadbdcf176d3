"""How long two graphs take in turn, or one alone: run by the Python of Triton's environment, with its own sessions.

Reads a question from standard input and answers on standard output, both in JSON; imports nothing of Millrace.
"""

import importlib.util
import json
import os
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np

ROUNDS, SECONDS, WARM_UP = 9, 0.05, 5
"""Rounds of both graphs, about how long the calls of one of them take in a round, and calls before all that."""
LEAST, MOST = 10, 500
SHARES = (0.1, 0.5, 0.99)
DTYPES: dict[str, Any] = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "BYTES": object}


def sessions(question: dict[str, Any]) -> list[Any]:
    """The base form and the other one, ready to run as a revision runs them."""
    sys.modules["triton_python_backend_utils"] = types.ModuleType("triton_python_backend_utils")
    spec = importlib.util.spec_from_file_location("runner", Path(__file__).with_name("python_model.py"))
    assert spec is not None
    assert spec.loader is not None
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    return [runner._session(Path(item["path"]).read_bytes(), item["target"]) for item in question["forms"]]


def feeds(question: dict[str, Any], batch: int) -> dict[str, np.ndarray]:
    """So many rows, from the beginning again where there are fewer."""
    made = {}
    for name, (datatype, values) in question["columns"].items():
        place = np.arange(batch) % len(values)
        rows = np.array(values, dtype=DTYPES[datatype])[place]
        made[name] = rows if rows.ndim > 1 else rows.reshape(-1, 1)
    return made


def times(session: Any, rows: dict[str, np.ndarray], calls: int) -> list[float]:
    """Milliseconds of each call."""
    taken = []
    for _ in range(calls):
        began = time.perf_counter()
        session.run(None, rows)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def measure(forms: list[Any], rows: dict[str, np.ndarray]) -> dict[str, Any]:
    """Quantiles of the milliseconds in each round, of both forms; who begins changes from round to round.

    Of one form alone the other one's are empty.
    """
    once = max(max(times(form, rows, WARM_UP)) for form in forms)
    calls = int(np.clip(SECONDS * 1000 / max(once, 1e-6), LEAST, MOST))
    told: list[list[list[float]]] = [[], []]
    for number in range(ROUNDS):
        order = range(len(forms))
        for place in order if number % 2 == 0 else reversed(order):
            told[place].append([float(q) for q in np.quantile(times(forms[place], rows, calls), SHARES)])
    return {"calls": calls, "base": told[0], "variant": told[1]}


def main() -> None:
    question = json.load(sys.stdin)
    load = os.getloadavg()[0]
    forms = sessions(question)
    batches = {str(batch): measure(forms, feeds(question, batch)) for batch in question["batches"]}
    print(json.dumps({"load": load, "batches": batches}))


if __name__ == "__main__":
    main()
