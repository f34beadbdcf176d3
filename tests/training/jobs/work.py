"""Jobs for the tests: what a kind's code may do, well and badly."""

import os
import time
from pathlib import Path

from work_spec import Result, Spec


def run(spec: Spec, context) -> Result:
    return Result(globals()[spec.do](spec.model_dump(), context))


def count(spec: dict, context) -> dict:
    """Finishes trials one by one. The first attempt kills itself after `die` trials, or after `hold` trials waits for
    the file `go` (for ever without one)."""
    known = {trial.number for trial in context.trials.completed("count")}
    for number in range(spec["trials"]):
        if number in known:
            continue
        if number == spec.get("die") and context.job.attempt == 1:
            os.kill(os.getpid(), 9)
        while number == spec.get("hold") and context.job.attempt == 1 and not _may_go(spec):
            context.report("count", number, spec["trials"])
            time.sleep(0.05)
        context.trials.asked("count", number, {"x": number}, f"k{number}")
        context.trials.save("count", number, {"x": number}, f"k{number}", {"loss": 1 / (number + 1)})
        context.report("count", number + 1, spec["trials"], loss=1 / (number + 1))
    return {"attempt": context.job.attempt, "kept": len(known), "threads": os.environ["OMP_NUM_THREADS"]}


def _may_go(spec: dict) -> bool:
    return "go" in spec and Path(spec["go"]).exists()


def waits(spec: dict, context) -> dict:
    """Ends when the test says so."""
    while not (context.scratch / "go").exists():
        context.report("wait")
        time.sleep(0.05)
    return {}


def eat(spec: dict, context) -> dict:
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20) * 16))
        time.sleep(0.05)


def die(spec: dict, context) -> dict:
    os.kill(os.getpid(), 9)


def fail(spec: dict, context) -> dict:
    from millrace_training.runtime.errors import JobError

    raise JobError("Nothing to learn", "Every row has the same target.", "Choose another target.")


def bug(spec: dict, context) -> dict:
    raise ZeroDivisionError("by zero")


def pooled(spec: dict, context) -> dict:
    """Sleeps in workers, so that a killed job has a group to kill."""
    payloads = [(str(context.scratch), spec["pause"], number) for number in range(2)]
    return {"results": list(context.map("work:napping", payloads))}


def napping(payload: tuple[str, float, int]) -> int:
    """Leaves the worker's pid in the folder, then sleeps."""
    folder, seconds, number = payload
    staged = Path(folder) / f"pid-{os.getpid()}"
    staged.write_text(str(os.getpid()))
    staged.replace(Path(folder) / f"worker-{number}")
    return sleepy(seconds)


def sleepy(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def unreachable(spec: dict, context) -> dict:
    import httpx

    raise httpx.ConnectError("nobody there")


def square(number: int) -> int:
    return number * number


def environment(_: object) -> dict:
    names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")
    return {name: os.environ.get(name) for name in names}


def fragile(payload: tuple[str, int]) -> int:
    """The first call for a number takes its worker down."""
    folder, number = payload
    marker = Path(folder) / str(number)
    if number == 2 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), 9)
    return number


def deadly(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), 9)
    return number


def odd(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def hungry(number: int) -> int:
    if number == 1:
        held = []
        while True:
            held.append(bytearray(os.urandom(1 << 20) * 16))
            time.sleep(0.02)
    return number


def pieces(spec: dict, context) -> dict:
    """Finishes a piece, leaves another unfinished, and waits to be killed; the next attempt says what it found."""
    import numpy as np

    found = sorted(path.name for path in context.scratch.iterdir())
    if context.job.attempt > 1:
        return {"found": found, "array": np.load(context.scratch / "one.npy").tolist()}
    np.save(context.scratch / "one.npy", np.array([1, 2, 3]))
    (context.scratch / "one.json").write_text("{}")
    np.save(context.scratch / "two.npy", np.array([4]))
    context.report("done", 1, 1)
    while True:
        time.sleep(1)


def shipped(folder: str) -> str:
    """Reads files of the job's folder and finishes a piece there."""
    place = Path(folder)
    text = f"{(place / 'frame' / 'values.npy').read_text()} and {(place / 'target.npy').read_text()}"
    (place / "trial.npy").write_text(text)
    (place / "trial.json").write_text("{}")
    return text
