"""Pure: rows of JSON into tensors after a signature, with a clear word for every wrong value."""

from collections.abc import Mapping, Sequence

from millrace_contracts.predictions import CellValue
from millrace_contracts.signature import Input, Signature
from millrace_core.errors import BadInput, FieldError
from millrace_serving.triton.tensors import Columns, epoch, tensor

MOST = 20
FLOAT_MAX = 3.4028235e38


def columns(rows: Sequence[Mapping[str, CellValue]], signature: Signature) -> Columns:
    """One tensor per input. Raises: BadInput naming each wrong value by `rows[3].distance`."""
    inputs = signature.inputs
    errors = [error for index, row in enumerate(rows) for error in _errors(index, row, inputs)]
    if errors:
        raise BadInput(f"{errors[0].where} {errors[0].what}.", errors[:MOST])
    return {
        item.name: (item.datatype, tensor([row[item.column] for row in rows], item.datatype))
        for item in inputs
    }


def _errors(index: int, row: Mapping[str, CellValue], inputs: Sequence[Input]) -> list[FieldError]:
    columns = {item.column for item in inputs}
    errors = [
        FieldError(f"rows[{index}].{name}", "is not an input of the model", "leave it out")
        for name in row
        if name not in columns
    ]
    for item in inputs:
        where = f"rows[{index}].{item.column}"
        if item.column not in row:
            errors.append(FieldError(where, "is missing", "send null if it is not known"))
        elif problem := _problem(row[item.column], item):
            errors.append(FieldError(where, *problem))
    return errors


def _problem(value: CellValue, item: Input) -> tuple[str, str] | None:
    """None if *value* fits, else what is wrong and how to mend it."""
    if value is None:
        return None
    if item.datatype == "BYTES":
        fits = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
        return None if fits else ("is not text", "send text")
    if item.datatype == "INT64":
        return _no_time(value)
    if isinstance(value, str):
        return "is text", "send a number"
    return None if abs(float(value)) <= FLOAT_MAX else ("is too large", "send a smaller number")


def _no_time(value: CellValue) -> tuple[str, str] | None:
    if isinstance(value, bool | float):
        return "is not a point in time", "send ISO 8601 text or whole epoch seconds"
    try:
        inside = -(2**63) < epoch(value) < 2**63
    except (ValueError, OverflowError):
        inside = False
    return None if inside else ("is not a point in time", "send ISO 8601, like 2026-05-03T08:00:00Z")
