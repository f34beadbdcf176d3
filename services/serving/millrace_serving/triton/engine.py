"""A TensorRT engine on its volume: bound to one GPU, driver, TensorRT and graph, and never taken for another.

It is a cache of the graph's Q/DQ form. The Job that builds one seals it with what it is bound to and with its digest;
who loads it holds the seal against what it needs. Runs in a pod as `python -m millrace_serving.triton.engine`.
"""

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from millrace_contracts.names import Digest
from millrace_contracts.signature import Signature

TAKES = ("FP32", "INT64")
"""Datatypes that TensorRT has among ours."""


class StaleEngine(Exception):
    """There is no engine, or it is another one's; the text says which."""


class EngineKey(BaseModel):
    """What an engine is bound to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gpu: str
    """Product as the node's label nvidia.com/gpu.product says it."""
    driver: str
    tensorrt: str
    digest: str
    """Digest of the graph."""

    @property
    def text(self) -> str:
        """The key in 32 characters; another GPU, driver, TensorRT or graph gives another one."""
        told = "\n".join((self.gpu, self.driver, self.tensorrt, self.digest))
        return hashlib.sha256(told.encode()).hexdigest()[:32]


class Seal(BaseModel):
    """What lies beside an engine: what it is bound to, and its digest."""

    model_config = ConfigDict(extra="forbid")

    key: EngineKey
    engine: Digest


def why_not(signature: Signature) -> str | None:
    """Why TensorRT alone cannot answer for a signature; None if it can."""
    kinds = {item.name: item.datatype for item in signature.inputs}
    kinds |= {item.name: item.datatype for item in signature.outputs}
    other = sorted(name for name, kind in kinds.items() if kind not in TAKES)
    return f"TensorRT takes no {', '.join(other[:3])}: it knows neither texts nor 64 bits" if other else None


def building(folder: Path, key: EngineKey) -> Path:
    """Where an engine lies until it is sealed."""
    return folder / f"{key.text}.building"


def seal(folder: Path, key: EngineKey) -> None:
    """Say of a built engine what it is bound to; from now on it may be taken. Raises: OSError if there is none."""
    made = building(folder, key)
    told = Seal(key=key, engine=_digest(made))
    staged = folder / f"{key.text}.sealing"
    staged.write_text(told.model_dump_json())
    made.replace(folder / f"{key.text}.plan")
    staged.replace(folder / f"{key.text}.json")


def take(folder: Path, key: EngineKey, into: Path) -> None:
    """Copy the engine for *key* to *into*. Raises: StaleEngine if it is not there whole, or is another one's."""
    plan, note = folder / f"{key.text}.plan", folder / f"{key.text}.json"
    try:
        told = Seal.model_validate_json(note.read_bytes())
        shutil.copyfile(plan, into)
    except (OSError, ValidationError) as error:
        raise StaleEngine(f"there is no sealed engine {key.text} ({type(error).__name__})") from error
    differing = [name for name in EngineKey.model_fields if getattr(told.key, name) != getattr(key, name)]
    if differing:
        into.unlink()
        was = ", ".join(f"{name} {getattr(told.key, name)}" for name in differing)
        raise StaleEngine(f"the engine {key.text} is for {was}")
    if (lies := _digest(into)) != told.engine:
        into.unlink()
        raise StaleEngine(f"the engine {key.text} was sealed as {told.engine}, and is {lies}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    """Seal the engine that was built."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--key", type=EngineKey.model_validate_json, required=True)
    asked = parser.parse_args()
    seal(asked.folder, asked.key)
    return 0


if __name__ == "__main__":
    sys.exit(main())
