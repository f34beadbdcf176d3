"""Writes anew what MLflow's own server answers: `python -m tests.registry.mlflow.record`."""

import json
import tempfile
from pathlib import Path

import httpx

from .servers import mlflow_server
from .session import through

TARGET = Path(__file__).parent / "recorded.json"


def main():
    """One call a line."""
    with (
        tempfile.TemporaryDirectory() as home,
        mlflow_server(Path(home)) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        answers = through(client)
    lines = ",\n".join(json.dumps(item, sort_keys=True) for item in answers)
    TARGET.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
