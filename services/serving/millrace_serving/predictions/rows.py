"""Pure: rows of JSON into tensors after a signature, with a clear word for every wrong value."""

from collections.abc import Mapping, Sequence

from millrace_contracts.predictions import CellValue
from millrace_contracts.signature import Signature
from millrace_core.errors import BadInput, FieldError
from millrace_serving.triton.tensors import Columns, tensor
from millrace_table import asked

MOST = 20
Row = Mapping[str, CellValue]


def columns(rows: Sequence[Row], signature: Signature) -> Columns:
    """One tensor per input. Raises: BadInput naming each wrong value by `rows[3].distance`."""
    errors: list[FieldError] = []
    kept = [_row(index, row, signature, errors) for index, row in enumerate(rows)]
    if errors:
        raise BadInput(f"{errors[0].where} {errors[0].what}.", errors[:MOST])
    return {
        item.name: (item.datatype, tensor([row[item.column] for row in kept], item.datatype, item.shape))
        for item in signature.inputs
    }


def _row(index: int, row: Row, signature: Signature, errors: list[FieldError]) -> dict[str, asked.Kept]:
    columns = {item.column for item in signature.inputs}
    errors += [
        FieldError(f"rows[{index}].{name}", "is not an input of the model", "leave it out")
        for name in row
        if name not in columns
    ]
    kept: dict[str, asked.Kept] = {}
    for item in signature.inputs:
        where = f"rows[{index}].{item.column}"
        if item.column not in row:
            errors.append(FieldError(where, "is missing", "send null if it is not known"))
            continue
        value = asked.value(row[item.column], item, signature)
        if isinstance(value, asked.Wrong):
            errors.append(FieldError(where, value.words, value.mend))
        else:
            kept[item.column] = value
    return kept
