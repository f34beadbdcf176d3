"""The policies but Millrace's own, some of them going through one stream in one process that remembers its fits.

`python -m tests.bench.decisions.theirs STREAM PART FILE`.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from tests.bench.decisions import detectors, policies
from tests.bench.decisions.folds import Policy, Served, by_day, passed
from tests.bench.decisions.learner import Learner, Model
from tests.bench.decisions.peer import Silent
from tests.bench.decisions.real import STREAMS
from tests.bench.decisions.stream import DELAY, Stream


def gone(stream: Stream, part: str) -> dict[str, Any]:
    """What each policy of a part came to, which could not be asked, and the models made on the way, by month."""
    learner, found, absent = Learner(stream), {}, {}
    for name, begun in PARTS[part](stream).items():
        began = time.perf_counter()
        try:
            with begun as policy:
                found[name] = figures(stream, passed(learner, policy))
        except Silent as error:
            absent[name] = str(error)
        print(f"{stream.name}: {name} {time.perf_counter() - began:.1f} s", flush=True)
    return told(learner, found, absent)


def told(learner: Learner, found: dict[str, Any], absent: dict[str, str]) -> dict[str, Any]:
    """What each policy came to, which could not be asked and why, and each model's months; *counts*: rows by day."""
    stream = learner.stream
    served = stream.day[stream.day >= stream.first] - stream.first
    return {
        "stream": stream.facts(),
        "counts": np.bincount(served, minlength=stream.days - stream.first).tolist(),
        "policies": found,
        "absent": absent,
        "models": [by_month(stream, model) for model in learner.models.values()],
    }


def _plain(stream: Stream) -> dict[str, AbstractContextManager[Policy]]:
    fixed = {name: nullcontext(make(stream)) for name, make in (policies.FIXED | policies.SIZE).items()}
    return fixed | {name: detectors.of_river(stream, name) for name in detectors.RIVER}


PARTS: dict[str, Callable[[Stream], dict[str, AbstractContextManager[Policy]]]] = {
    "plain": _plain,
    "evidently": lambda stream: {"Evidently, drift share": detectors.of_evidently(stream)},
    "nannyml": lambda stream: {"NannyML, estimate": detectors.of_nannyml(stream)},
}
"""Each is measured by itself, and again only when it has changed."""


def merged(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The parts of one stream as one; there is at least one."""
    found = {name: told for part in parts for name, told in part["policies"].items()}
    absent = {name: why for part in parts for name, why in part["absent"].items()}
    models = [model for part in parts for model in part["models"]]
    return {**parts[0], "policies": found, "absent": absent, "models": models}


def figures(stream: Stream, served: Served) -> dict[str, Any]:
    """A policy's losses by day, and what it did."""
    sums, counts = by_day(stream, served.losses)
    done = {"trained": served.trained, "promoted": served.promoted, "alarms": served.alarms}
    return {"sums": sums.tolist(), "counts": counts.tolist(), **done}


def by_month(stream: Stream, model: Model) -> list[float | None]:
    """Sum of a model's losses in each month on whose first morning it could serve already; None before."""
    sums, _ = by_day(stream, model.losses)
    months = np.bincount(stream.month, sums, stream.months)
    begins = stream.first + np.searchsorted(stream.month, np.arange(stream.months))
    there = model.days[1] + DELAY < begins
    return [float(value) if here else None for value, here in zip(months, there, strict=True)]


def main() -> int:
    name, part, target = sys.argv[1:]
    began, used = time.perf_counter(), time.process_time()
    made = gone(STREAMS[name](), part)
    made |= {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}
    Path(target).write_text(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
