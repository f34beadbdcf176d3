"""Pure: what is wrong with an Open Inference request, by the model's signature, in words for who sent it.

Only a request that Triton has refused comes here, so this may look at every value; nothing here is on the way of
requests that are answered.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from millrace_contracts import packing
from millrace_contracts.bodies import Document
from millrace_contracts.counting import counted
from millrace_contracts.shortening import shortened
from millrace_contracts.signature import Input, Signature
from millrace_core.errors import FieldError
from millrace_serving.refusals import frames
from millrace_serving.triton.tensors import MISSING_TIMESTAMP

MOST = 20
Groups = dict[str, list[Input]]
BYTES_EACH = {"FP32": 4, "FP64": 8, "INT64": 8}
LARGEST = {"FP32": 3.4028235e38, "FP64": 1.7976931348623157e308}
NAN = "send NaN in a binary tensor, or rows with null to the endpoint's :predict"
NULLS = {
    "FP32": NAN,
    "FP64": NAN,
    "INT64": f"send {MISSING_TIMESTAMP} for a time that is not known",
    "BYTES": 'send "" for a text that is not known',
}
NUMBER = "a finite number, or NaN"
WANTED = {"FP32": NUMBER, "FP64": NUMBER, "INT64": "a whole number of epoch seconds", "BYTES": "text"}


class TooManyRows(Exception):
    """The request has more rows than one may have."""

    def __init__(self, rows: int, limit: int) -> None:
        super().__init__(f"The request has {rows} rows; one request may have {limit}: send it in parts.")


@dataclass(frozen=True)
class Slot:
    """A tensor that a request may have: one column, or all columns of a datatype side by side."""

    name: str
    where: str
    datatype: str
    dims: list[int]

    @property
    def width(self) -> int:
        """Values a row."""
        return prod(self.dims)

    @property
    def shape(self) -> str:
        return f"[rows, {', '.join(map(str, self.dims))}]"


def of_request(
    body: bytes, json_length: int, signature: Signature, limit: int, packs: bool = True
) -> list[FieldError]:
    """The first 20 mistakes of a request, by `inputs.<tensor>`; empty when it fits.

    Args:
        json_length: bytes of the JSON head when binary tensors follow it; 0 when all is JSON.
        limit: most rows of one request.
        packs: whether the revision takes packed tensors.
    Raises: TooManyRows.
    """
    head = _head(body[:json_length] if json_length else body)
    if isinstance(head, FieldError):
        return [head]
    if wrong := list(frames.wrong(head)):
        return wrong[:MOST]
    asked = head.get("inputs")
    if not isinstance(asked, list) or not asked:
        return [FieldError("inputs", "is missing or empty", f"send {_names(signature)}")]
    tensors = [item for item in asked if isinstance(item, dict) and isinstance(item.get("name"), str)]
    if len(tensors) != len(asked):
        return [FieldError("inputs", "has an item without a name", f"name each: {_names(signature)}")]
    groups = packing.groups(signature) if packs else {}
    errors = [*_names_wrong(tensors, signature, groups)]
    errors += _orders_wrong(head.get("parameters"), tensors, groups)
    given = {item["name"]: item for item in tensors}
    known = [(slot, given[slot.name]) for slot in _slots(signature, groups) if slot.name in given]
    rows = _rows([item for _, item in known], limit)
    for slot, item in known:
        errors += list(_tensor(slot, item, rows))[: MOST - len(errors)]
    if json_length and not errors:
        errors += _left_over(tensors, len(body) - json_length)
    if json_length and not errors:
        binary = [item for item in tensors if "data" not in item]
        errors += frames.texts_wrong(binary, body[json_length:])
    return errors[:MOST]


def _head(text: bytes) -> Document | FieldError:
    if not text.strip():
        return FieldError("body", "is empty", 'send JSON: {"inputs": [...]}')
    try:
        head = json.loads(text.decode())
    except ValueError as error:
        return FieldError("body", f"is not JSON ({str(error)[:100]})", 'send {"inputs": [...]}')
    except RecursionError:
        return FieldError("body", "is nested too deeply", 'send {"inputs": [...]}')
    return head if isinstance(head, dict) else FieldError("body", "is no object", 'send {"inputs": [...]}')


def _names(signature: Signature) -> str:
    shown = ", ".join(item.name for item in signature.inputs[:MOST])
    more = len(signature.inputs) - MOST
    return f"one tensor each for {shown}" + (f" and {more} more" if more > 0 else "")


def _slots(signature: Signature, groups: Groups) -> list[Slot]:
    alone = [Slot(item.name, _where(item), item.datatype, item.dims) for item in signature.inputs]
    together = [
        Slot(packing.tensor(kind), f"inputs.{packing.tensor(kind)}", kind, [len(items)])
        for kind, items in groups.items()
    ]
    return alone + together


def _names_wrong(tensors: list[Document], signature: Signature, groups: Groups) -> Iterator[FieldError]:
    names = [item["name"] for item in tensors]
    declared = {slot.name for slot in _slots(signature, groups)}
    for name in dict.fromkeys(names):
        if name not in declared:
            yield FieldError(f"inputs.{name[:200]}", "is not an input of the model", "leave it out")
        elif names.count(name) > 1:
            yield FieldError(f"inputs.{name}", "stands there twice", "send it once")
    for item in signature.inputs:
        packs = item.shape is None and item.datatype in groups
        together = packs and packing.tensor(item.datatype) in names
        if item.name not in names and not together:
            shape = f"[rows, {', '.join(map(str, item.dims))}]"
            yield FieldError(_where(item), "is missing", f"send it, as {item.datatype} of shape {shape}")
        elif item.name in names and together:
            yield FieldError(
                _where(item), f"stands in {packing.tensor(item.datatype)} too", "send it in one of the two"
            )


def _orders_wrong(parameters: Any, tensors: list[Document], groups: Groups) -> Iterator[FieldError]:
    """Packed tensors whose columns the parameters do not name."""
    names = {item["name"] for item in tensors}
    for kind, items in groups.items():
        tensor, columns = packing.tensor(kind), [item.name for item in items]
        text = parameters.get(tensor) if isinstance(parameters, dict) else None
        if tensor in names and set(packing.names(text) or ()) != set(columns):
            shown = shortened(packing.named(columns), 500)
            yield FieldError(
                f"parameters.{tensor}", "does not name each column of that tensor once",
                f"send a text with their names in its order, like {shown}",
            )  # fmt: skip


def _where(tensor: Input) -> str:
    other = "" if tensor.column == tensor.name else f" (column {tensor.column})"
    return f"inputs.{tensor.name}{other}"


def _rows(known: list[Document], limit: int) -> int | None:
    """Rows of the first tensor that says how many. Raises: TooManyRows."""
    for item in known:
        shape = item.get("shape")
        if isinstance(shape, list) and shape and type(shape[0]) is int:
            if shape[0] > limit:
                raise TooManyRows(shape[0], limit)
            return shape[0]
    return None


def _tensor(slot: Slot, item: Document, rows: int | None) -> Iterator[FieldError]:
    where, shape, datatype = slot.where, item.get("shape"), item.get("datatype")
    if datatype != slot.datatype:
        yield FieldError(where, f"has the datatype {str(datatype)[:20]}", f"send {slot.datatype}")
        return
    if not (isinstance(shape, list) and shape[1:] == slot.dims and type(shape[0]) is int):
        yield FieldError(
            where, f"has the shape {str(shape)[:40]}, expected {slot.shape}", f"send {slot.shape}"
        )
    elif shape[0] < 1:
        yield FieldError(where, "has no rows", "send at least one")
    elif shape[0] != rows:
        yield FieldError(
            where, f"has {counted(shape[0], 'row')}, another tensor has {rows}", "send as many in each"
        )
    elif "data" in item:
        yield from _values(slot, item["data"], shape[0])
    else:
        yield from _binary(slot, item.get("parameters"), shape[0])


def _values(tensor: Slot, data: Any, rows: int) -> Iterator[FieldError]:
    where, values = tensor.where, [*_flat(data)] if isinstance(data, list) else None
    if values is None or len(values) != rows * tensor.width:
        has = "no list" if values is None else f"{len(values)} values"
        each = "one value a row" if tensor.width == 1 else f"{tensor.width} values a row"
        yield FieldError(f"{where}.data", f"has {has} for {counted(rows, 'row')}", f"send {each}")
        return
    for place, value in enumerate(values):
        if value is None:
            yield FieldError(f"{where}.data[{place}]", "is null", NULLS[tensor.datatype])
        elif not _fits(value, tensor.datatype):
            yield FieldError(
                f"{where}.data[{place}]", f"is {_shown(value)}", f"send {WANTED[tensor.datatype]}"
            )


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:60].encode(errors="replace").decode()


def _flat(data: list[Any]) -> Iterator[Any]:
    for item in data:
        if isinstance(item, list):
            yield from _flat(item)
        else:
            yield item


def _fits(value: Any, datatype: str) -> bool:
    if datatype == "BYTES":
        return isinstance(value, str) and not frames.is_torn(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if datatype == "INT64":
        return isinstance(value, int) and -(2**63) <= value < 2**63
    return value != value or abs(value) <= LARGEST[datatype]


def _binary(tensor: Slot, parameters: Any, rows: int) -> Iterator[FieldError]:
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    where, right = tensor.where, rows * tensor.width * BYTES_EACH.get(tensor.datatype, 0)
    if type(size) is not int:
        yield FieldError(where, "has no data", "send `data`, or binary_data_size and the bytes")
    elif right and size != right:
        yield FieldError(where, f"has {size} bytes for {counted(rows, 'row')}", f"send {right} bytes")


def _left_over(tensors: list[Document], size: int) -> list[FieldError]:
    told = sum(item["parameters"]["binary_data_size"] for item in tensors if "data" not in item)
    if told == size:
        return []
    return [
        FieldError("body", f"has {size} bytes behind its head, which speaks of {told}", "send what it says")
    ]
