"""Brings a file of rows into a loop's dataset: upload, hold to the contract, add a version or quarantine it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from millrace.client import Millrace

FORMATS = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}


class UnknownFormat(Exception):
    """The file's ending says nothing that is known."""


def format_of(path: Path) -> str:
    """csv, parquet or jsonl, by the file's ending. Raises: UnknownFormat."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        endings = ", ".join(FORMATS)
        raise UnknownFormat(f"{path.name}: the ending must be one of {endings}") from None


def push(
    client: Millrace, loop: str, path: Path, progress: Callable[[dict[str, Any]], None] = lambda _: None
) -> dict[str, Any]:
    """Push a file to a loop's dataset and wake the loop; returns the ingest job's result.

    Refused data is no error: the result has `accepted` false and the report. The same file again is not added twice.

    Raises: ApiError, JobFailed, UnknownFormat.
    """
    declared = client.controller.loop(loop)
    digest = client.registry.put_artifact(path)
    source = {"kind": "artifact", "digest": digest, "name": path.name, "format": format_of(path)}
    spec = ingest_spec(declared["document"]["spec"], source)
    key = f"{client.project}/{loop}/push/{digest[7:39]}/generation-{declared['generation']}"
    job = client.training.submit("ingest", spec, key, loop=loop)
    result: dict[str, Any] = client.training.wait(job["id"], progress=progress)["result"]
    if result["accepted"] and job["state"] == "succeeded":
        result = result | {"unchanged": True, "new_rows": 0}  # the job of an earlier push of the same file
    client.controller.wake(loop)
    return result


def ingest_spec(spec: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    """The ingest job of a loop's *spec* (camelCase, as declared) for one source."""
    data = spec["data"]
    return {
        "dataset": data["dataset"],
        "source": source,
        "contract": data.get("contract"),
        "target": spec["target"],
        "event_time": data.get("eventTime"),
        "timezone": data.get("timezone", "UTC"),
    }
