"""What a JSON head says of the bytes behind it, worked out once: a client repeats its head, only the bytes change.

Strangers write heads, so only so many are remembered, and none that is long.
"""

import json
import re
import struct
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from millrace_monitoring.ingest import tensors
from millrace_monitoring.ingest.tensors import DTYPES, Undecodable, Values

ROWS = 100_000
"""Most rows in one body."""
REMEMBERED = 512
LONGEST = 16 * 1024
"""Bytes of the longest head that is remembered: about 150 columns."""
NO_BYTES = struct.Struct("<")
ANSWERS = ("prediction", "probability")
REQUEST_ID = re.compile(rb'\{"id":"[ !#-\[\]-~]*",')
"""How a head begins that names its request; all else in it comes again."""


Column = tuple[str, int, int]
"""Datatype, rows, and place: the index among the binary tensors, or -1, -2, … among the others."""


class Layout(NamedTuple):
    """Columns by name, sorted, and where their values lie.

    Args:
        rows: None without columns.
        answer: which column the prediction of an answer is; None when no column is a number.
        cut: cuts the bytes behind the head into one piece for each binary tensor.
        inside: values that the head itself holds, the last one first.
        order: for each column its index among the pieces with *inside* appended; negative from the end.
        converted: index and datatype of the columns that are not kept as they came.
    """

    names: tuple[str, ...]
    rows: int | None
    answer: int | None
    cut: struct.Struct
    inside: tuple[Values, ...]
    order: tuple[int, ...]
    converted: tuple[tuple[int, str], ...]


def remembered(head: bytes, side: str) -> Layout:
    """The layout of *head* on its *side* (`inputs` or `outputs`), from memory if it came before.

    Raises: Undecodable, or what its JSON raises where it is not what the protocol says (see bodies).
    """
    named = REQUEST_ID.match(head)
    if named:
        head = b"{" + head[named.end() :]
    return _remembered(head, side) if len(head) <= LONGEST else read(head, side)


def read(head: bytes, side: str) -> Layout:
    """The layout of *head*, which holds its values or will not come again. Raises like `remembered`."""
    found: dict[str, Column] = {}
    sizes: list[int] = []
    inside: list[Values] = []
    for tensor in _json(head)[side]:
        shape, data = tensor["shape"], tensor.get("data")
        if data is None:
            sizes.append(int(tensor["parameters"]["binary_data_size"]))
        if _is_column(shape):
            datatype, rows = tensor["datatype"], shape[0]
            name = _name(datatype, str(tensor["name"])[:200])
            if data is None:
                _check_size(datatype, rows, sizes[-1])
                found[name] = datatype, rows, len(sizes) - 1
            else:
                inside.append(tensors.of_json(datatype, data, rows))
                found[name] = datatype, rows, -len(inside)
    inside.reverse()
    answer = _answer(list(found)) if side == "outputs" else None
    return _layout(found, answer, sizes, tuple(inside))


_remembered = lru_cache(REMEMBERED)(read)


def _layout(
    found: dict[str, Column], answer: str | None, sizes: list[int], inside: tuple[Values, ...]
) -> Layout:
    names = tuple(sorted(found))
    columns = [found[name] for name in names]
    if len({rows for _, rows, _ in columns}) > 1:
        raise Undecodable("the columns have different lengths")
    rows = columns[0][1] if columns else None
    index = None if answer is None else names.index(answer)
    order = tuple([place for _, _, place in columns])
    if not sizes:
        return Layout(names, rows, index, NO_BYTES, inside, order, ())
    cut = struct.Struct("<" + "".join([f"{size}s" for size in sizes]))
    return Layout(names, rows, index, cut, inside, order, _converted(columns))


def _converted(columns: list[Column]) -> tuple[tuple[int, str], ...]:
    return tuple(
        (index, datatype)
        for index, (datatype, _, place) in enumerate(columns)
        if place >= 0 and datatype not in tensors.AS_SENT
    )


def _json(data: bytes) -> dict[str, Any]:
    """JSON; the slow parser also reads the NaN and Infinity that some servers write."""
    try:
        parsed = orjson.loads(data)
    except orjson.JSONDecodeError:
        parsed = json.loads(data)
    if not isinstance(parsed, dict):
        raise Undecodable("the body is not an object")
    return parsed


def _is_column(shape: list[int]) -> bool:
    if not shape or type(shape[0]) is not int or not 0 <= shape[0] <= ROWS:
        raise Undecodable("a shape is not valid")
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def _check_size(datatype: str, rows: int, size: int) -> None:
    if datatype != "BYTES" and size != rows * DTYPES[datatype].itemsize:
        raise Undecodable(f"a tensor has {size} bytes, its shape says {rows} values")


@lru_cache(4096)
def _name(datatype: str, name: str) -> str:
    """The name of the column that keeps a tensor, with its kind. Raises for half a character (a ValueError)."""
    kept = f"{tensors.KINDS[datatype]}:{name}"
    kept.encode()
    return kept


def _answer(names: list[str]) -> str | None:
    """The column that is the prediction: the tensor named so, or else the first that is a number."""
    named = {name.partition(":")[2]: name for name in names if not name.startswith("text:")}
    for name in ANSWERS:
        if name in named:
            return named[name]
    return next(iter(named.values()), None)
