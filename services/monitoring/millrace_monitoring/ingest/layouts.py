"""What a JSON head says of the bytes behind it, worked out once: a client repeats its head, only the bytes change.

Strangers write heads, so only so many are remembered, and none that is long.
"""

import json
import re
import struct
from functools import lru_cache
from math import prod
from typing import NamedTuple

import orjson

from millrace_contracts import packing
from millrace_contracts.bodies import Document
from millrace_contracts.shapes import MOST_VALUES
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
SHAPED = "FP32"
"""The datatype of tensors whose cells have a shape."""
CLASSES = 1000
"""Most classes in one vector."""
REQUEST_ID = re.compile(rb'\{"id":"[ !#-\[\]-~]*",')
"""How a head begins that names its request; all else in it comes again."""


Column = tuple[str, int, int, int]
"""Datatype, rows, width, and place: the index among the binary tensors, or -1, -2, … among the others."""
Packed = tuple[int, str, int, int]
"""Index among the binary tensors, datatype, rows, and columns."""
UNPACKED = 1 << 40
"""Places from here on are columns of packed tensors, one behind the other."""


class Layout(NamedTuple):
    """Columns by name, sorted, and where their values lie.

    Args:
        rows: None without columns.
        answer: which column the prediction of an answer is; None when no column is a number.
        width: values a row of that column: 1, or the number of classes.
        cut: cuts the bytes behind the head into one piece for each binary tensor.
        inside: values that the head itself holds, the last one first.
        order: for each column its index among the pieces with *packed* columns and *inside* appended; negative from
            the end.
        converted: index, datatype and number of values of the columns that are not kept as they came.
        packed: the binary tensors that hold several columns; those follow the pieces of *cut*, in this order.
        row: where each column lies in the one row of the one binary tensor; empty where there is more to it.
    """

    names: tuple[str, ...]
    rows: int | None
    answer: int | None
    width: int
    cut: struct.Struct
    inside: tuple[Values, ...]
    order: tuple[int, ...]
    converted: tuple[tuple[int, str, int], ...]
    packed: tuple[Packed, ...] = ()
    row: tuple[int, ...] = ()


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
    return drawn(_json(head), side)


def drawn(said: Document, side: str) -> Layout:
    """The layout of what a head has *said*. Raises like `remembered`.

    Texts of an answer are left out: its numbers say all that its chosen class does.
    """
    drawing, answers = Drawing(), side == "outputs"
    for tensor in said[side]:
        names = None if answers else _together(said, tensor)
        if names is None and not answers and tensor["datatype"] == SHAPED and _is_shaped(tensor["shape"]):
            drawing.add_shaped(tensor)
            continue
        width = 1 if names else _width(tensor["shape"], answers and tensor["name"] == VECTOR)
        drawing.add(
            tensor, names or [str(tensor["name"])], 0 if answers and tensor["datatype"] == "BYTES" else width
        )
    return _layout(drawing, _answer(list(drawing.columns)) if answers else None)


def _together(said: Document, tensor: Document) -> list[str] | None:
    """The columns of a packed tensor, which the parameter of its name tells; None for any other."""
    told = said.get("parameters")
    text = told.get(tensor["name"]) if isinstance(told, dict) else None
    if text is None or not str(tensor["name"]).startswith(packing.PREFIX):
        return None
    names, (rows, count) = packing.names(text), tensor["shape"]
    if names is None or len(names) != count or type(rows) is not int or not 0 <= rows <= ROWS:
        raise Undecodable("a packed tensor does not have the columns that its parameter names")
    return names


class Drawing:
    """A layout while the tensors of a head are read."""

    def __init__(self) -> None:
        self.columns: dict[str, Column] = {}
        self.sizes: list[int] = []
        self.inside: list[Values] = []
        self.packed: list[Packed] = []
        self.unpacked = 0

    def add(self, tensor: Document, names: list[str], width: int) -> None:
        """One tensor of as many columns as *names*; a *width* of 0 is one that is no column."""
        data, datatype = tensor.get("data"), tensor["datatype"]
        if data is None:
            self.sizes.append(int(tensor["parameters"]["binary_data_size"]))
        if not width:
            return
        rows, packed = tensor["shape"][0], len(names) > 1
        place = len(self.sizes) - 1
        if data is not None:
            kept = tensors.of_json(datatype, data, rows, width * len(names))
            place = -1 - len(self.inside)
            self.inside += tensors.split(datatype, kept, rows, len(names)) if packed else [kept]
        else:
            _check_size(datatype, rows * width * len(names), self.sizes[-1])
            if packed:
                self.packed.append((place, datatype, rows, len(names)))
                place = UNPACKED + self.unpacked
                self.unpacked += len(names)
        step = -1 if place < 0 else 1
        for number, name in enumerate(names):
            self.columns[_name(datatype, name[:200])] = datatype, rows, width, place + step * number

    def add_shaped(self, tensor: Document) -> None:
        """A tensor whose cells have a shape: one column of so many numbers a row."""
        rows, width, data = tensor["shape"][0], prod(tensor["shape"][1:]), tensor.get("data")
        if data is None:
            self.sizes.append(int(tensor["parameters"]["binary_data_size"]))
            _check_size(SHAPED, rows * width, self.sizes[-1])
            place = len(self.sizes) - 1
        else:
            place = -1 - len(self.inside)
            self.inside.append(tensors.of_cells(SHAPED, data, rows * width))
        name = f"tensor:{str(tensor['name'])[:200]}"
        name.encode()
        self.columns[name] = SHAPED, rows, width, place


def _is_shaped(shape: list[int]) -> bool:
    """Whether a row is more than one number, and not more than a tensor may have. Raises: Undecodable."""
    if len(shape) < 2 or any(type(length) is not int or length < 1 for length in shape[1:]):
        return False
    if type(shape[0]) is not int or not 0 <= shape[0] <= ROWS:
        raise Undecodable("a shape is not valid")
    return 1 < prod(shape[1:]) <= MOST_VALUES or len(shape) > 2


_remembered = lru_cache(REMEMBERED)(read)


def _layout(drawn: Drawing, answer: str | None) -> Layout:
    given, sizes = drawn.columns, drawn.sizes
    names = tuple(sorted(given))
    columns = [given[name] for name in names]
    if len(columns) > 1 and len({rows for _, rows, _, _ in columns}) > 1:
        raise Undecodable("the columns have different lengths")
    rows = columns[0][1] if columns else None
    index, width = (None, 1) if answer is None else (names.index(answer), given[answer][2])
    order = tuple([place - UNPACKED + len(sizes) if place >= UNPACKED else place for *_, place in columns])
    inside = tuple(reversed(drawn.inside))
    if not sizes:
        return Layout(names, rows, index, width, NO_BYTES, inside, order, ())
    cut = struct.Struct("<" + "".join([f"{size}s" for size in sizes]))
    packed = tuple(drawn.packed)
    return Layout(
        names,
        rows,
        index,
        width,
        cut,
        inside,
        order,
        _converted(columns),
        packed,
        _row(columns, packed, sizes),
    )


def _row(columns: list[Column], packed: tuple[Packed, ...], sizes: list[int]) -> tuple[int, ...]:
    """Where the columns lie in one row of one packed tensor, if that is all there is; its bytes are kept as sent."""
    if len(packed) != 1 or len(sizes) != 1:
        return ()
    _, datatype, rows, count = packed[0]
    if rows != 1 or count != len(columns) or datatype not in tensors.AS_SENT:
        return ()
    return tuple([place - UNPACKED for *_, place in columns])


def _converted(columns: list[Column]) -> tuple[tuple[int, str, int], ...]:
    return tuple(
        (index, datatype, rows * width)
        for index, (datatype, rows, width, place) in enumerate(columns)
        if 0 <= place < UNPACKED and datatype not in tensors.AS_SENT
    )


def _json(data: bytes) -> Document:
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
