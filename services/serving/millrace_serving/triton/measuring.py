"""Measures a form beside the base form on this machine, in Triton's own environment and alone: a slot of the machine.

For a version whose forms were measured elsewhere only. Training holds the same slot when it measures.
"""

import asyncio
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from millrace_contracts.variants import BASE_TARGET, MEASURING, Measurement, NodeKind, TargetName
from millrace_serving.processes.supervised import inherited
from millrace_serving.triton.tensors import Columns
from millrace_stats.timings import latency, speed_up

SCRIPT = Path(__file__).with_name("timing.py")
SECONDS = 120.0
"""Longest time that a measurement may take."""


class NotMeasured(Exception):
    """A form could not be measured; the text says why."""


class Busy(NotMeasured):
    """Another measurement runs on this machine; a later try will do."""


class NotBegun(NotMeasured):
    """Nothing was found out of the form, for want of a place; it is worth another try after a pause."""


@contextmanager
def slot() -> Iterator[None]:
    """This machine's place for one measurement. Raises: Busy."""
    path = Path(tempfile.gettempdir(), MEASURING.format(user=os.getuid()))
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Busy("another measurement runs on this machine") from error
    finally:
        os.close(file)


async def measure(
    environment: Path,
    node: NodeKind,
    graphs: Mapping[TargetName, bytes],
    columns: Columns,
    batches: Sequence[int],
) -> Measurement:
    """How fast a form is beside the base form, one thread each; or the base form alone.

    Args:
        graphs: the base form and the other one, if there is one, by target.
        columns: rows to run, as for Triton.
    Raises: NotMeasured; Busy.
    """
    with slot(), tempfile.TemporaryDirectory(prefix="measure-") as folder:
        forms = await asyncio.to_thread(_written, Path(folder), graphs)
        told = {name: [kind, values.tolist()] for name, (kind, values) in columns.items()}
        question = {"forms": forms, "columns": told, "batches": list(batches)}
        answer = await _asked(environment, json.dumps(question).encode())
    return read(node, answer, exclusive=True)


def _written(folder: Path, graphs: Mapping[TargetName, bytes]) -> list[dict[str, str]]:
    """Where each form lies now, the base form first."""
    order = sorted(graphs, key=lambda name: name != BASE_TARGET)
    for target in order:
        (folder / f"{target}.onnx").write_bytes(graphs[target])
    return [{"target": target, "path": str(folder / f"{target}.onnx")} for target in order]


async def _asked(environment: Path, question: bytes) -> Any:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "nice", "-n", "5", str(environment / "bin" / "python"), str(SCRIPT),
        stdin=pipe, stdout=pipe, stderr=pipe, env=inherited(OMP_NUM_THREADS="1"),
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            out, errors = await process.communicate(question)
    except TimeoutError as error:
        raise NotMeasured(f"it took more than {SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise NotMeasured((errors.decode(errors="replace").strip().splitlines() or ["it ended"])[-1][:300])
    return json.loads(out)


def read(node: NodeKind, answer: Mapping[str, Any], exclusive: bool) -> Measurement:
    """What the rounds came to, with error bars over them.

    Args:
        answer: *load* before them, and by batch size in *batches* the *calls* of a round and, of *base* and *variant*,
            the quantiles of milliseconds in each, (rounds, SHARES).
        exclusive: whether nothing else was measured on the machine meanwhile.
    """
    parts = [
        (int(batch), part["calls"], np.array(part["base"]), np.array(part["variant"]))
        for batch, part in answer["batches"].items()
    ]
    both = [part for part in parts if len(part[3])]
    return Measurement(
        node=node,
        threads=1,
        exclusive=exclusive,
        load=answer["load"],
        base=[latency(batch, base, calls) for batch, calls, base, _ in parts],
        variant=[latency(batch, variant, calls) for batch, calls, _, variant in both],
        speed_up=[speed_up(batch, base, variant) for batch, _, base, variant in both],
    )
