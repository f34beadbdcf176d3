"""The cells of a form: what a model takes, how each is asked for, and what a text means by the model's signature."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from millrace_contracts.bodies import Document
from millrace_contracts.digits import legible
from millrace_contracts.predictions import CellValue
from millrace_contracts.signature import Input, Signature
from millrace_core.errors import BadInput, FieldError

MOST_CHOICES = 40
"""Known values of a column from which a list is made; more of them are typed."""
WORDS = {"true": True, "false": False}


@dataclass(frozen=True)
class Cell:
    """One column of the form; *field*: what the form calls it."""

    field: str
    column: str
    kind: str
    choices: list[str]
    hint: str


def cells(signature: Signature, contract: Document | None) -> list[Cell]:
    """What is asked for, in the model's order; the data's *contract* knows values and bounds.

    Raises: BadInput for a model that takes tensors, which nobody types.
    """
    rules = _rules(contract)
    if any(item.kind == "tensor" for item in signature.inputs):
        raise BadInput(
            "This model takes tensors, which a form cannot hold; ask it over REST or with millrace predict."
        )
    return [_cell(place, item, rules.get(item.column, {})) for place, item in enumerate(signature.inputs)]


def _cell(place: int, item: Input, rules: Document) -> Cell:
    allowed = rules.get("allowed") or []
    listed = (
        [str(value) for value in allowed] if item.kind == "category" and len(allowed) <= MOST_CHOICES else []
    )
    low, high = rules.get("minimum"), rules.get("maximum")
    hint = (
        f"{legible(low, 6)} to {legible(high, 6)} by the contract"
        if isinstance(low, int | float) and isinstance(high, int | float)
        else ""
    )
    if item.kind == "timestamp":
        hint = "like 2026-05-04T12:00"
    return Cell(f"cell-{place}", item.column, item.kind, listed, hint)


def _rules(contract: Document | None) -> dict[str, Document]:
    listed = (contract or {}).get("columns")
    return (
        {str(item.get("name")): item for item in listed if isinstance(item, dict)}
        if isinstance(listed, list)
        else {}
    )


def row(asked: list[Cell], fields: Mapping[str, str]) -> dict[str, CellValue]:
    """The row that a form means; an empty field is a missing value. Raises: BadInput with every mistake."""
    found: dict[str, CellValue] = {}
    mistakes: list[FieldError] = []
    for cell in asked:
        text = fields.get(cell.field, "").strip()
        try:
            found[cell.column] = _value(cell, text)
        except ValueError:
            mistakes.append(FieldError(cell.column, f"is no number: {text[:40]!r}", "write it like 12.5"))
    if mistakes:
        told = "; ".join(f"{item.where} {item.what}" for item in mistakes[:20])
        raise BadInput(f"Some fields cannot be read: {told}. Write numbers like 12.5.", mistakes)
    return found


def _value(cell: Cell, text: str) -> CellValue:
    if not text:
        return None
    if cell.kind == "number":
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(text)
        return number
    return WORDS[text] if cell.kind == "boolean" and text in WORDS else text
