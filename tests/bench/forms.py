"""Base form and INT8 form of two MLPs in one Triton, side by side: what a form is worth where requests are answered."""

import contextlib
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from tests.bench import load
from tests.serving import mlp

from millrace.oip import pack
from millrace_contracts.models import Golden
from millrace_contracts.signature import Signature
from millrace_contracts.variants import TargetName
from millrace_serving.processes.ports import free_port
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import installation, repository
from millrace_serving.triton.repository import Wanted

COLUMNS = tuple(f"x{number}" for number in range(30))
WIDTHS = (64, 1024)
"""Of the two hidden layers: one where columns cost more than the net, and one where it is the net."""
BATCHES, CONNECTIONS, ROUNDS, SECONDS = (1, 32), 8, 3, 2.0
TARGETS: tuple[TargetName, ...] = ("ort-cpu-fp32", "ort-cpu-int8")


@dataclass(frozen=True)
class Form:
    """One graph and its name in Triton."""

    name: str
    target: TargetName
    graph: bytes


def measure(folder: Path) -> dict[str, Any]:
    """Requests a second by width, rows and form; rounds interleaved, medians; the ratio is INT8 over base."""
    told: dict[str, Any] = {}
    for width in WIDTHS:
        forms = [_form(width, target) for target in TARGETS]
        with _triton(folder / f"forms-{width}", forms) as port:
            for rows in BATCHES:
                told[f"MLP {width}, {rows} rows"] = _beside(port, forms, rows)
    return told


def _form(width: int, target: TargetName) -> Form:
    make = mlp.int8 if target == "ort-cpu-int8" else mlp.fp32
    return Form(target, target, make(width, 1, COLUMNS))


def _beside(port: int, forms: list[Form], rows: int) -> dict[str, float]:
    requests = {form.name: _request(port, form.name, rows) for form in forms}
    for name in requests:
        load.run(port, requests[name], CONNECTIONS, 1.0)
    seen: dict[str, list[load.Load]] = {name: [] for name in requests}
    for _ in range(ROUNDS):
        for name in requests:
            seen[name].append(load.run(port, requests[name], CONNECTIONS, SECONDS))
    rates = {name: float(np.median([run.rate for run in runs])) for name, runs in seen.items()}
    failures = sum(run.failures for runs in seen.values() for run in runs)
    return rates | {"ratio": rates[TARGETS[1]] / rates[TARGETS[0]], "failures": failures}


def _request(port: int, name: str, rows: int) -> list[bytes]:
    drawn = np.random.default_rng(4).normal(size=(len(COLUMNS), rows)).astype(np.float32)
    columns = {column: ("FP32", values) for column, values in zip(COLUMNS, drawn, strict=True)}
    body, headers = pack(columns)
    return [load.request(f"/v2/models/{name}/infer", f"127.0.0.1:{port}", body, headers)]


@contextlib.contextmanager
def _triton(home: Path, forms: list[Form]) -> Iterator[int]:
    """A Triton of its own with these graphs, as serving would start it."""
    settings = ServingSettings(home=home)
    for form in forms:
        repository.place(settings, _wanted(form), form.graph)
    ports = {"triton_port": free_port(), "triton_metrics_port": free_port()}
    launch = installation.launch(settings, ports)
    process = subprocess.Popen(
        [*launch.argv, *launch.first()], env=launch.environment, start_new_session=True
    )
    try:
        _await(f"http://127.0.0.1:{ports['triton_port']}", forms)
        yield ports["triton_port"]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _await(url: str, forms: list[Form]) -> None:
    deadline = time.monotonic() + 60
    for form in forms:
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/v2/models/{form.name}/ready", trust_env=False).is_success:
                    break
            time.sleep(0.1)


def _wanted(form: Form) -> Wanted:
    inputs = [{"name": name, "datatype": "FP32", "column": name, "kind": "number"} for name in COLUMNS]
    return Wanted(
        name=form.name,
        model="bench",
        project="default",
        version=1,
        digest="sha256:" + hashlib.sha256(form.graph).hexdigest(),
        signature=Signature.model_validate(mlp.SIGNATURE | {"inputs": inputs}),
        golden=Golden(inputs={"x0": [0.0]}, outputs={"prediction": [0.0]}),
        target=form.target,
    )
