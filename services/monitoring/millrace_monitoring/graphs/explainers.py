"""Explainers of versions, made once and kept: the graph and the golden rows are the registry's."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from millrace.aio.registry import AsyncRegistry
from millrace.transport.errors import ApiError
from millrace_contracts.explanations import Explanations, RowExplanation
from millrace_contracts.models import Cell, Golden
from millrace_contracts.signature import Input, Signature
from millrace_core.errors import BadInput, Conflict, FieldError, Unavailable
from millrace_monitoring.graphs.files import FetchedFiles
from millrace_stats.shapley import OutOfTime
from millrace_table import asked

if TYPE_CHECKING:
    from millrace_monitoring.graphs.explainer import Explainer

MISSING_INTEGER = int(np.iinfo(np.int64).min)
KEPT, KEPT_BYTES = 16, 2**27
"""Explainers in memory, and bytes of their graphs; the least used one goes first, the last one stays."""
READING_SECONDS = 15.0
"""For which a version is read from the registry; whoever asks for another one waits behind."""
DTYPES = {"FP32": np.float32, "FP64": np.float64}
Key = tuple[str, str, int]


class Explainers:
    """Those of this process, one at work at a time: explanations take one processor at most.

    Args:
        seconds: what one request may wait for its turn, and then take; reading a version for the first time is apart.
    """

    def __init__(self, files: FetchedFiles, registry: AsyncRegistry, seconds: float) -> None:
        self._files, self._registry, self._seconds = files, registry, seconds
        self._kept: OrderedDict[Key, tuple[Explainer, Signature]] = OrderedDict()
        self._turn = asyncio.Lock()

    async def explain(
        self,
        project: str,
        model: str,
        version: int,
        rows: Sequence[dict[str, asked.Cell]],
        logged: bool = False,
    ) -> Explanations:
        """Explain rows by data column; *logged*: nobody sends them, they are as they were kept.

        Raises: Conflict for a version or a logged row that cannot be explained; BadInput naming a wrong value;
            Unavailable when the time is over; ApiError of the registry.
        """
        late = Unavailable(
            f"The explanation took longer than {self._seconds:g} s; ask for fewer rows, or again."
        )
        try:
            async with asyncio.timeout(self._seconds):
                await self._turn.acquire()
        except TimeoutError as error:
            raise late from error
        try:
            async with asyncio.timeout(READING_SECONDS):
                explainer, signature = await self._of(project, model, version)
            until = time.monotonic() + self._seconds
            given = [_kept(one, signature) for one in rows] if logged else rows
            asked_for = [row(one, signature, place) for place, one in enumerate(given)]
            told = await asyncio.to_thread(_explained, explainer, asked_for, until)
        except OutOfTime as error:
            raise late from error
        except TimeoutError as error:
            raise Unavailable(
                f"The registry did not give version {version} of {model}; ask again."
            ) from error
        finally:
            self._turn.release()
        return Explanations(version=version, background=explainer.rows, rows=told)

    async def _of(self, project: str, model: str, version: int) -> "tuple[Explainer, Signature]":
        key = (project, model, version)
        if key not in self._kept:
            self._kept[key] = await self._made(project, model, version)
            while len(self._kept) > 1 and (len(self._kept) > KEPT or self._bytes() > KEPT_BYTES):
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _bytes(self) -> int:
        return sum(explainer.size for explainer, _ in self._kept.values())

    async def _made(self, project: str, model: str, number: int) -> "tuple[Explainer, Signature]":
        try:
            found = await self._registry.version(model, number, project=project)
        except ApiError as error:
            if error.status != 404:
                raise
            raise Conflict(f"The registry has no version {number} of {model} to explain.") from error
        digest = found.files.find("model")
        if digest is None or not found.golden:
            raise Conflict(
                f"Version {number} of {model} keeps no graph or no golden rows: it cannot be explained."
            )
        data = await self._files.read(project, digest)
        background = _background(Golden.model_validate(found.golden), found.signature)
        signature = found.signature.model_copy(update={"task": found.task})
        seed = int(digest.rpartition(":")[2][:8], 16)
        return await asyncio.to_thread(_explainer, data, signature, background, seed), signature


def _explainer(
    data: bytes, signature: Signature, background: dict[str, np.ndarray], seed: int
) -> "Explainer":
    """What reads graphs is loaded with the first one: most services are never asked."""
    from millrace_monitoring.graphs.explainer import Explainer

    return Explainer(data, signature, background, seed)


def _explained(
    explainer: "Explainer", rows: Sequence[dict[str, np.ndarray]], until: float
) -> list[RowExplanation]:
    return [explainer.explain(one, until) for one in rows]


def _background(golden: Golden, signature: Signature) -> dict[str, np.ndarray]:
    """Golden rows as tensors; their cells are as tensors hold them."""
    return {
        item.name: _tensor(golden.inputs.get(item.name, golden.inputs.get(item.column, [])), item)
        for item in signature.inputs
    }


def _kept(given: dict[str, asked.Cell], signature: Signature) -> dict[str, asked.Cell]:
    """The inputs of a logged row. Raises: Conflict for one that was not kept with it: null is what was sent as null."""
    lacking = [item.column for item in signature.inputs if item.column not in given]
    if lacking:
        raise Conflict(
            f"The row was logged without its input '{lacking[0]}', so nobody knows what that was, and the row cannot "
            "be explained. To explain one like it, ask for it with all inputs: POST …/explanations, or "
            "':predict?explain=true'."
        )
    return {item.column: given[item.column] for item in signature.inputs}


def row(given: dict[str, asked.Cell], signature: Signature, place: int) -> dict[str, np.ndarray]:
    """One row as tensors of one row each. Raises: BadInput that names what is wrong."""
    strange = sorted(set(given) - {item.column for item in signature.inputs})
    if strange:
        raise _wrong(place, strange[0], "is not an input of the model", "leave it out")
    made = {}
    for item in signature.inputs:
        if item.column not in given:
            raise _wrong(place, item.column, "is missing", "send null if it is not known")
        value = asked.value(given[item.column], item, signature)
        if isinstance(value, asked.Wrong):
            raise _wrong(place, item.column, value.words, value.mend)
        made[item.name] = _tensor([value], item)
    return made


def _wrong(place: int, column: str, words: str, mend: str) -> BadInput:
    where = f"rows[{place}].{column}"
    return BadInput(f"{where} {words}.", [FieldError(where, words, mend)])


def _tensor(cells: Sequence[Cell | list[float]], item: Input) -> np.ndarray:
    """Cells as one tensor of shape (rows,), or (rows, *shape)."""
    if item.shape is not None:
        absent = [None] * int(np.prod(item.dims))
        flat = [absent if cell is None else cell for cell in cells]
        return np.array(flat, np.float64).astype(np.float32).reshape(len(cells), *item.dims)
    if item.datatype == "BYTES":
        return np.array(["" if cell is None else str(cell) for cell in cells], object)
    if item.datatype == "INT64":
        return np.array([MISSING_INTEGER if cell is None else int(str(cell)) for cell in cells], np.int64)
    numbers = [np.nan if cell is None else float(cell) for cell in cells]  # type: ignore[arg-type]
    return np.array(numbers, np.float64).astype(DTYPES[item.datatype])
