"""Explanations beside an answer: asked of monitoring once the answer is there, and never instead of it."""

import asyncio
from collections.abc import Sequence

import httpx

from millrace.aio import AsyncMillrace
from millrace.transport.errors import ApiError
from millrace_contracts.explanations import EXPLAINED_WITHIN, MOST_EXPLAINED
from millrace_core.errors import BadInput, FieldError, TooLarge
from millrace_serving.predictions.rows import Row

Told = tuple[list[object | None] | None, str | None]
"""Explanations as JSON has them, or why there are none."""
NONE: Told = (None, None)


def is_asked(given: str | None, rows: int) -> bool:
    """Whether `?explain=` asks for it. Raises: BadInput; TooLarge for more rows than are explained at a time."""
    if given is None or given == "false":
        return False
    if given != "true":
        wrong = FieldError(
            "query.explain", "is neither true nor false", "write explain=true, or leave it out"
        )
        raise BadInput(f"explain is {given[:20]!r}; it is true or false.", [wrong])
    if rows > MOST_EXPLAINED:
        words = f"The request has {rows} rows; with explain=true one may have {MOST_EXPLAINED}."
        raise TooLarge(words, limit=MOST_EXPLAINED)
    return True


async def explained(
    clients: AsyncMillrace,
    project: str,
    endpoint: str,
    version: int | None,
    rows: Sequence[Row],
    kept: Sequence[bool],
) -> Told:
    """What monitoring says of these rows.

    Args:
        version: who answered. kept: which rows are answered; the others are withheld, and explaining would tell.
    """
    if version is None:
        return None, "The revision that answered is not known any more."
    asked = [dict(row) for row, answered in zip(rows, kept, strict=True) if answered]
    if not asked:
        return [None] * len(rows), None
    try:
        async with asyncio.timeout(EXPLAINED_WITHIN):
            found = await clients.monitoring.explain(endpoint, version, asked, project=project)
    except ApiError as error:
        return None, str(error)[:500]
    except TimeoutError:
        return None, f"It was not explained within {EXPLAINED_WITHIN:g} s; ask again, or for fewer rows."
    except httpx.HTTPError as error:
        return None, f"Monitoring, which explains, does not answer ({type(error).__name__})."
    told = iter([item.model_dump(mode="json") for item in found.rows])
    return [next(told) if answered else None for answered in kept], None
