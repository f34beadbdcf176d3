"""Job `infer`: what contract a good sample suggests."""

from typing import Any

import pyarrow as pa

from millrace.data import inference, reading
from millrace.data.refusals import Unreadable
from millrace_training.rows import checks
from millrace_training.rows.records import Records
from millrace_training.rows.schemas import InferSpec
from millrace_training.runtime.context import Context
from millrace_training.runtime.errors import JobError


def run(spec: dict[str, Any], context: Context) -> dict[str, Any]:
    """The inferred contract with the sample's schema, rows, a guess at the task, and warnings.

    Raises: JobError with the reason when the sample cannot be read.
    """
    asked = InferSpec.model_validate(spec)
    context.report("read")
    try:
        raw = reading.read(Records(context).artifact(asked.digest), asked.format)
        contract = inference.infer(raw, asked.target, asked.event_time, asked.timezone)
        table = checks.check(raw, contract, asked.timezone).table
    except Unreadable as error:
        found = error.check
        raise JobError(
            "The sample cannot be used",
            f"{asked.name}: {found.observed}",
            found.mend,
            errors=[{"where": found.column or found.check, "what": found.observed, "mend": found.mend}],
        ) from error
    guess, notes = None, inference.warnings(table, contract)
    if asked.target is not None:
        guess, why = inference.task(contract.column(asked.target), table.column(asked.target))
        notes += why
    return {
        "contract": contract.model_dump(mode="json"),
        "schema": schema(table),
        "rows": raw.num_rows,
        "task_guess": guess,
        "warnings": notes,
    }


def schema(table: pa.Table) -> list[dict[str, Any]]:
    """The table's columns as the registry keeps them."""
    names = {"double": "number", "int64": "integer", "bool": "boolean", "string": "string"}
    return [
        {
            "name": field.name,
            "type": names.get(str(field.type), "timestamp"),
            "nullable": table.column(field.name).null_count > 0,
        }
        for field in table.schema
    ]
