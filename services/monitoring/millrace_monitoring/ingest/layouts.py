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
VECTOR = "probabilities"
"""The output that has a vector a row: the probability of each class."""
ANSWERS = ("prediction", "probability", VECTOR)
CLASSES = 1000
"""Most classes in one vector."""
REQUEST_ID = re.compile(rb'\{"id":"[ !#-\[\]-~]*",')
"""How a head begins that names its request; all else in it comes again."""


Column = tuple[str, int, int, int]
"""Datatype, rows, width, and place: the index among the binary tensors, or -1, -2, … among the others."""


class Layout(NamedTuple):
    """Columns by name, sorted, and where their values lie.

    Args:
        rows: None without columns.
        answer: which column the prediction of an answer is; None when no column is a number.
        width: values a row of that column: 1, or the number of classes.
        cut: cuts the bytes behind the head into one piece for each binary tensor.
        inside: values that the head itself holds, the last one first.
        order: for each column its index among the pieces with *inside* appended; negative from the end.
        converted: index, datatype and number of values of the columns that are not kept as they came.
    """

    names: tuple[str, ...]
    rows: int | None
    answer: int | None
    width: int
    cut: struct.Struct
    inside: tuple[Values, ...]
    order: tuple[int, ...]
    converted: tuple[tuple[int, str, int], ...]


def remembered(head: bytes, side: str) -> Layout:
    """The layout of *head* on its *side* (`inputs` or `outputs`), from memory if it came before.

    Raises: Undecodable, or what its JSON raises where it is not what the protocol says (see bodies).
    """
    named = REQUEST_ID.match(head)
    if named:
        head = b"{" + head[named.end() :]
    return _remembered(head, side) if len(head) <= LONGEST else read(head, side)


def read(head: bytes, side: str) -> Layout:
    """The layout of *head*, which holds its values or will not come again. Raises like `remembered`.

    Texts of an answer are left out: its numbers say all that its chosen class does.
    """
    columns: dict[str, Column] = {}
    sizes: list[int] = []
    inside: list[Values] = []
    answers = side == "outputs"
    for tensor in _json(head)[side]:
        shape, data, datatype = tensor["shape"], tensor.get("data"), tensor["datatype"]
        if data is None:
            sizes.append(int(tensor["parameters"]["binary_data_size"]))
        width = _width(shape, answers and tensor["name"] == VECTOR)
        if width and not (answers and datatype == "BYTES"):
            rows = shape[0]
            name = _name(datatype, str(tensor["name"])[:200])
            if data is None:
                _check_size(datatype, rows * width, sizes[-1])
                columns[name] = datatype, rows, width, len(sizes) - 1
            else:
                inside.append(tensors.of_json(datatype, data, rows, width))
                columns[name] = datatype, rows, width, -len(inside)
    inside.reverse()
    answer = _answer(list(columns)) if answers else None
    return _layout(columns, answer, sizes, tuple(inside))


_remembered = lru_cache(REMEMBERED)(read)


def _layout(
    given: dict[str, Column], answer: str | None, sizes: list[int], inside: tuple[Values, ...]
) -> Layout:
    names = tuple(sorted(given))
    columns = [given[name] for name in names]
    if len(columns) > 1 and len({rows for _, rows, _, _ in columns}) > 1:
        raise Undecodable("the columns have different lengths")
    rows = columns[0][1] if columns else None
    index, width = (None, 1) if answer is None else (names.index(answer), given[answer][2])
    order = tuple([place for _, _, _, place in columns])
    if not sizes:
        return Layout(names, rows, index, width, NO_BYTES, inside, order, ())
    cut = struct.Struct("<" + "".join([f"{size}s" for size in sizes]))
    return Layout(names, rows, index, width, cut, inside, order, _converted(columns))


def _converted(columns: list[Column]) -> tuple[tuple[int, str, int], ...]:
    return tuple(
        (index, datatype, rows * width)
        for index, (datatype, rows, width, place) in enumerate(columns)
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


def _width(shape: list[int], vector: bool) -> int:
    """Values a row: 1 of a column, more of a *vector*, 0 of a tensor that is neither."""
    if not shape or type(shape[0]) is not int or not 0 <= shape[0] <= ROWS:
        raise Undecodable("a shape is not valid")
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
        return 1
    if not vector or len(shape) != 2:
        return 0
    if type(shape[1]) is not int or not 1 < shape[1] <= CLASSES:
        raise Undecodable(f"a vector has no {shape[1]} classes")
    return shape[1]


def _check_size(datatype: str, values: int, size: int) -> None:
    if datatype != "BYTES" and size != values * DTYPES[datatype].itemsize:
        raise Undecodable(f"a tensor has {size} bytes, its shape says {values} values")


@lru_cache(4096)
def _name(datatype: str, name: str) -> str:
    """The name of the column that keeps a tensor, with its kind. Raises for half a character (a ValueError)."""
    kept = f"{tensors.KINDS[datatype]}:{name}"
    kept.encode()
    return kept


def _answer(names: list[str]) -> str | None:
    """The column that is the prediction: the tensor named so, or else the first."""
    if len(names) < 2:
        return names[0] if names else None
    named = {name.partition(":")[2]: name for name in names}
    for name in ANSWERS:
        if name in named:
            return named[name]
    return names[0]
