"""Small loops of few, some and many columns, each with a version that serves."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from tests.bench.ways import Place

from millrace.client import Millrace
from millrace.delivery import push
from millrace_contracts.loop import ModelLoop

COLUMNS = 30
"""Columns of the data as it is."""


def table(columns: int) -> pd.DataFrame:
    """569 rows of so many numbers and the target: some of the columns as they are, or copies with noise as well."""
    whole = load_breast_cancer(as_frame=True).frame.rename(columns=lambda name: name.replace(" ", "_"))
    inputs, rng = whole.drop(columns="target"), np.random.default_rng(1)
    made = {name: inputs[name] for name in inputs.columns[:columns]}
    for place in range(columns - len(made)):
        name = inputs.columns[place % COLUMNS]
        noise = rng.normal(0, inputs[name].std() / 2, len(inputs))
        made[f"{name}_{place // COLUMNS}"] = (inputs[name] + noise).round(4)
    return pd.DataFrame(made | {"target": whole["target"]})


def trained(client: Millrace, loop: str, rows: pd.DataFrame, folder: Path) -> None:
    """Run a loop to its first champion."""
    rows.to_csv(folder / f"{loop}.csv", index=False)
    document = {
        "apiVersion": "millrace.dev/v1alpha1",
        "kind": "ModelLoop",
        "metadata": {"name": loop},
        "spec": {
            "task": "binary",
            "target": "target",
            "data": {"dataset": loop},
            "training": {"search": {"trials": 3}},
            "gates": {"champion": {"margin": 5.0, "minimumDays": 2}},
        },
    }
    client.controller.apply(ModelLoop.model_validate(document))
    push(client, loop, folder / f"{loop}.csv")
    client.controller.await_run(loop, 1)


def place(client: Millrace, loop: str, inputs: Any, folder: Path) -> Place:
    """Where the version that serves may be reached."""
    endpoint = client.serving.endpoint(loop)
    public, name = urlparse(endpoint.url), f"{loop}--r{endpoint.stable}"
    home = folder / "home" / "serving"
    ports = json.loads(
        (home / "ports.json").read_text()
    )  # clients have no business there, so the API does not tell
    return Place(
        loop,
        inputs,
        client.registry.version(loop, endpoint.stable_version or 1).signature,
        home / "triton" / "models" / name / "1" / "model.onnx",
        int(ports["triton_port"]),
        f"/v2/models/{name}/infer",
        int(public.port or 0),
        public.path,
    )
