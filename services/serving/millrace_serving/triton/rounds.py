"""Run beside the Triton of a measuring pod: times a form of a version as it serves there, and reports to serving.

A form is timed in turn with the base form; the base form itself, whose latency a search promised, alone.

The time of a call is what Triton itself says that the model took for it, without HTTP and without its queue: the same
clock whichever backend runs the graph. The last line it prints says why there is no report.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import httpx
import numpy as np

from millrace.aio import AsyncMillrace
from millrace.transport.errors import ApiError
from millrace_contracts.models import ModelVersionRead
from millrace_contracts.traffic import RequestSizes
from millrace_contracts.variants import BASE_TARGET, TARGETS, Measurement, MeasurementWrite, NodeKind
from millrace_core.services import clients
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import golden, measuring, node
from millrace_serving.triton.client import Triton, TritonError
from millrace_serving.triton.measuring import NotMeasured
from millrace_serving.triton.tensors import Columns
from millrace_stats.timings import SHARES

ROUNDS, SECONDS, WARM_UP = 9, 0.05, 5
"""Rounds of both forms, about how long the calls of one of them take in a round, and calls before all that."""
LEAST, MOST = 10, 200
ONE_CALL = 10.0
"""Seconds that one call may take."""
BASE, FORM = "base", "form"
"""What the two are called in that Triton."""
BOTH = (BASE, FORM)
Call = Callable[[str, Columns], Awaitable[float]]
"""Runs rows through one of them; how many milliseconds it took."""


def rows(columns: Columns, batch: int) -> Columns:
    """So many rows, from the beginning again where there are fewer."""
    return {name: (kind, values[np.arange(batch) % len(values)]) for name, (kind, values) in columns.items()}


async def rounds(call: Call, columns: Columns, forms: Sequence[str] = BOTH) -> dict[str, Any]:
    """Quantiles of the milliseconds in each round, of each of the *forms*; who begins changes from round to round.

    What is not among them has none.
    """
    warm = [await call(form, columns) for form in forms for _ in range(WARM_UP)]
    calls = int(np.clip(SECONDS * 1000 / max(*warm, 1e-6), LEAST, MOST))
    told: dict[str, list[list[float]]] = {BASE: [], FORM: []}
    for number in range(ROUNDS):
        for form in forms if number % 2 == 0 else reversed(forms):
            taken = [await call(form, columns) for _ in range(calls)]
            told[form].append([float(value) for value in np.quantile(taken, SHARES)])
    return {"calls": calls, "base": told[BASE], "variant": told[FORM]}


async def _loaded(triton: Triton, forms: Sequence[str], seconds: float) -> None:
    """Returns once all *forms* are loaded. Raises: NotMeasured."""
    deadline = time.monotonic() + seconds
    for form in forms:
        while not await triton.ready(form):
            if time.monotonic() > deadline:
                what = "both forms" if len(forms) > 1 else f"the {form} form"
                raise NotMeasured(f"Triton did not load {what} within {seconds:.0f} s")
            await asyncio.sleep(0.5)


async def _counted(triton: Triton, form: str, calls: int) -> int:
    """The nanoseconds of all calls once there is one more, which Triton counts a moment after its answer.

    Raises: NotMeasured.
    """
    deadline = time.monotonic() + ONE_CALL
    while (told := await triton.busy(form))[0] <= calls:
        if time.monotonic() > deadline:
            raise NotMeasured(f"Triton does not count the calls of {form}")
        await asyncio.sleep(0.001)
    return told[1]


async def timed(
    triton: Triton, columns: Columns, batches: list[int], seconds: float, forms: Sequence[str] = BOTH
) -> Mapping[str, Any]:
    """What `measuring.read` reads. Raises: NotMeasured; TritonError."""
    await _loaded(triton, forms, seconds)
    load = os.getloadavg()[0]

    async def call(form: str, chosen: Columns) -> float:
        calls, before = await triton.busy(form)
        await triton.infer(form, chosen, ONE_CALL)
        return (await _counted(triton, form, calls) - before) / 1e6

    made = {batch: await rounds(call, rows(columns, batch), forms) for batch in batches}
    return {"load": load, "batches": {str(batch): told for batch, told in made.items()}}


def kind(wanted: argparse.Namespace) -> NodeKind:
    """This node's kind, with the runtime that runs the form. Raises: NotMeasured."""
    if wanted.node is not None:
        return NodeKind.model_validate(wanted.node)
    runtime = "openvino" if wanted.target.startswith("openvino") else "onnxruntime"
    found = [item for item in node.kinds(wanted.runtimes) if item.runtime == runtime]
    if not found:
        raise NotMeasured(f"the values of the chart name no {runtime} in Triton's image (triton.runtimes)")
    return found[0]


async def _run(settings: ServingSettings, wanted: argparse.Namespace) -> None:
    async with clients(settings) as platform:
        version = await platform.registry.version(wanted.model, wanted.version, project=wanted.project)
        report = MeasurementWrite(
            target=wanted.target, digest=wanted.digest, measurement=await _measured(settings, wanted, version)
        )
        await _send(platform, report, wanted.project)


async def _measured(
    settings: ServingSettings, wanted: argparse.Namespace, version: ModelVersionRead
) -> Measurement:
    triton = Triton(wanted.triton, os.environ.get("POD_UID", ""))
    try:
        columns = golden.columns(version.golden["inputs"], version.signature)
        forms = (BASE,) if wanted.target == BASE_TARGET else BOTH
        told = await timed(triton, columns, wanted.batches, settings.load_seconds * 2, forms)
        made = measuring.read(kind(wanted), told, exclusive=False)
        return made.model_copy(update={"traffic": wanted.traffic})
    finally:
        await triton.close()


async def _send(platform: AsyncMillrace, report: MeasurementWrite, project: str) -> None:
    await platform.serving.report_measurement(report, project=project)
    print(
        json.dumps(
            {"reported": report.measurement.model_dump(mode="json", include={"node", "base", "speed_up"})}
        )
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for field in ("project", "model", "digest", "triton"):
        parser.add_argument(f"--{field}", required=True)
    parser.add_argument("--version", type=int, required=True)
    parser.add_argument("--target", choices=TARGETS, required=True)
    parser.add_argument("--batches", type=json.loads, required=True)
    parser.add_argument("--runtimes", type=json.loads, default={})
    parser.add_argument("--node", type=json.loads)
    parser.add_argument("--traffic", type=RequestSizes.model_validate_json)
    return parser.parse_args()


def main() -> int:
    """Exit status: 0, or 1 with the reason in the last line."""
    try:
        asyncio.run(_run(ServingSettings(), _arguments()))
    except (NotMeasured, TritonError, ApiError, httpx.HTTPError, OSError) as error:
        print(f"{type(error).__name__}: {error}"[:400], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
