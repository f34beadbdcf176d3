"""A release unit before it is registered: every graph only a model, and the signature the graph's own."""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from millrace_contracts.bodies import Document
from millrace_contracts.models import ModelVersionWrite
from millrace_contracts.signature import Signature
from millrace_core.errors import BadInput, FieldError
from millrace_core.storage import Store

SECONDS, MEMORY = 60, 4 * 2**30
"""Most CPU-seconds and bytes of memory that reading one graph may take."""


async def check(store: Store, turn: asyncio.Semaphore, new: ModelVersionWrite) -> None:
    """Refuse a release whose ONNX files are not plain models or do not fit the signature (BadInput).

    Args:
        turn: lets one inspection run at a time.
    """
    for name, digest in sorted(new.files.by_name().items()):
        if name.endswith(".onnx"):
            graph = await inspect(store, turn, name, digest)
            _compare(name, graph, new.signature)


async def inspect(store: Store, turn: asyncio.Semaphore, name: str, digest: str) -> Document:
    """Inputs and outputs of a stored graph, parsed in a limited child process. Raises BadInput."""
    with tempfile.NamedTemporaryFile(suffix=".onnx") as copy:
        async for chunk in store.open(digest):
            copy.write(chunk)
        copy.flush()
        async with turn:
            answer = await _child(Path(copy.name))
    if answer is None:
        raise _refused(name, "it could not be read within the limits of time and memory")
    if "refused" in answer:
        raise _refused(name, answer["refused"])
    return answer


async def _child(path: Path) -> Document | None:
    """What the child says of the file; None if it died. It gets no token, no settings, and no more time than due."""
    command = (
        sys.executable,
        "-m",
        "millrace_registry.models.inspection",
        str(path),
        str(MEMORY),
        str(SECONDS),
    )
    silent, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, stdin=silent, stdout=pipe, stderr=silent, env={})
    try:
        async with asyncio.timeout(SECONDS * 1.5):
            output, _ = await child.communicate()
    except TimeoutError:
        return None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return json.loads(output) if child.returncode == 0 else None


def _refused(name: str, why: str) -> BadInput:
    return BadInput(
        f"{name} is refused: {why}.",
        [FieldError(f"files.{name}", why, "export one self-contained ONNX file with standard operators")],
    )


def _compare(name: str, graph: Document, signature: Signature) -> None:
    for side, tensors in (("inputs", signature.inputs), ("outputs", signature.outputs)):
        declared = sorted((tensor.name, tensor.datatype) for tensor in tensors)
        actual = sorted((item["name"], item["datatype"]) for item in graph[side])
        if declared != actual:
            differing = sorted(set(declared) ^ set(actual)) or [
                item for item in declared if declared.count(item) > 1
            ]
            listed = ", ".join(f"{tensor} {datatype}" for tensor, datatype in differing[:6])
            raise _refused(name, f"its {side} are not those of the signature ({listed})")
    widths = {item["name"]: item["width"] for item in graph["outputs"]}
    for output in signature.outputs:
        if widths[output.name] not in (None, output.values()):
            told = f"{output.name} has {widths[output.name]} values a row, not {output.values()}"
            raise _refused(name, f"its outputs are not those of the signature ({told})")
