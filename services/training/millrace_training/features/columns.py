"""Which columns a model sees, what kind each is, and under which tensor name it enters the graph."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from millrace_contracts.signature import Signature
from millrace_stats import tasks

KINDS = {
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "string": "category",
    "timestamp": "timestamp",
    "tensor": "tensor",
}
DATATYPES = {"number": "FP32", "boolean": "FP32", "category": "BYTES", "timestamp": "INT64", "tensor": "FP32"}
ANSWERS = {output.name for task in tasks.TASKS.values() for output in task.outputs(("0", "1", "2"))}
"""Names of every output that a graph may have."""
IDENTIFIER_SHARE = 0.5
IDENTIFIER_WORDS = 200


@dataclass(frozen=True)
class Column:
    """One feature: its *name* in the data, its *tensor* name in the graph, and its *kind*."""

    name: str
    tensor: str
    kind: str
    marks: tuple[str, ...] = ()
    """What a category says that has no value, besides the empty text."""
    exact: bool = False
    """Whether its numbers enter the graph in 64 bits, because 32 would lose their differences."""
    centre: float = 0.0
    """What the graph subtracts from exact numbers before they become features of 32 bits."""
    shape: tuple[int, ...] = ()
    """Of each cell, if it is a tensor."""

    @property
    def datatype(self) -> str:
        """FP32, FP64, BYTES or INT64, as the signature says it."""
        return "FP64" if self.exact else DATATYPES[self.kind]

    @property
    def is_plain(self) -> bool:
        """Whether it is a feature as it stands: a number or a truth value."""
        return self.kind in ("number", "boolean")

    def as_input(self) -> dict[str, str | list[int]]:
        """The column's line in the signature."""
        said: dict[str, str | list[int]] = {
            "name": self.tensor, "datatype": self.datatype, "column": self.name, "kind": self.kind,
        }  # fmt: skip
        return said | ({"shape": list(self.shape)} if self.shape else {})


def columns_of(schema: Sequence[Mapping[str, Any]], left_out: Iterable[str]) -> list[Column]:
    """A column for every field of *schema* ({name, type}, shape) that is not *left_out*, in schema order."""
    skipped = set(left_out)
    fields = [field for field in schema if field["name"] not in skipped]
    tensors = safe_names([field["name"] for field in fields])
    return [
        Column(field["name"], tensor, KINDS[field["type"]], shape=tuple(field.get("shape") or ()))
        for field, tensor in zip(fields, tensors, strict=True)
    ]


def columns_from_signature(signature: Signature) -> list[Column]:
    """The columns that a signature's inputs came from."""
    columns = [
        Column(
            item.column, item.name, item.kind, exact=item.datatype == "FP64", shape=tuple(item.shape or ())
        )
        for item in signature.inputs
    ]
    return marked(columns, signature.missing or ())


def marked(columns: Sequence[Column], marks: Sequence[str]) -> list[Column]:
    """The columns, of which categories know what says that there is no value."""
    return [
        replace(column, marks=tuple(marks)) if marks and column.kind == "category" else column
        for column in columns
    ]


def safe_names(names: Sequence[str]) -> list[str]:
    """Tensor names of letters, digits and _ only, unique, and equal to the column's name where it is that.

    A column that is called like an output of a graph gets another one: a graph names each tensor once.
    """
    taken = {name for name in names if _safe(name) == name} | ANSWERS
    tensors = []
    for name in names:
        plain = _safe(name)
        if plain != name or plain in ANSWERS:
            plain = _unused(plain, taken)
            taken.add(plain)
        tensors.append(plain)
    return tensors


def _safe(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", name)[:80]
    return plain if re.match(r"[A-Za-z]", plain) else f"c_{plain}".rstrip("_")


def _unused(name: str, taken: set[str]) -> str:
    number, candidate = 2, name
    while candidate in taken:
        number, candidate = number + 1, f"{name}_{number}"
    return candidate


def is_identifier(words: int, rows: int) -> bool:
    """Whether a text column with so many different words names its rows rather than describes them."""
    return words > IDENTIFIER_WORDS and words > IDENTIFIER_SHARE * rows


def as_json(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Columns as plain dictionaries; `from_json` reads them back."""
    return [asdict(column) for column in columns]


def from_json(items: Iterable[Mapping[str, Any]]) -> list[Column]:
    """The columns that `as_json` made plain."""
    lists = {"marks": (), "shape": ()}
    return [
        Column(**{**item, **{name: tuple(item.get(name, none)) for name, none in lists.items()}})
        for item in items
    ]
