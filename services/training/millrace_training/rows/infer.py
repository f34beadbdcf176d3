"""Job `infer`: what contract a good sample suggests."""

from millrace_contracts.rows import InferResult, InferSpec
from millrace_table import cautions, inference, reading, remarks
from millrace_table.refusals import Unreadable
from millrace_training.rows import checks
from millrace_training.rows.profile import schema
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context
from millrace_training.runtime.errors import JobError


def run(spec: InferSpec, context: Context) -> InferResult:
    """The inferred contract with the sample's schema, rows, a guess at the task, and warnings.

    Raises: JobError with the reason when the sample cannot be read.
    """
    context.report("read")
    try:
        wanted = [name for name in (spec.target, spec.event_time) if name]
        loaded = reading.load(Records(context).artifact(spec.digest), spec.format, spec.dialect, wanted)
        raw = loaded.table
        contract = inference.infer(raw, spec.target, spec.event_time, spec.timezone, loaded.dialect)
        reading.refuse_rejects(loaded, contract.rejects_at_most)
        table = checks.check(raw, contract, spec.timezone).table
    except Unreadable as error:
        refusal = error.check
        raise JobError(
            "The sample cannot be used",
            f"{spec.name}: {refusal.observed}",
            refusal.mend,
            errors=[
                {"where": refusal.column or refusal.check, "what": refusal.observed, "mend": refusal.mend}
            ],
        ) from error
    guess, notes = None, loaded.told()
    notes += remarks.remarks(raw, table, contract, loaded.marked)
    if spec.target is not None:
        guessed = inference.task(contract.column(spec.target), table.column(spec.target))
        caution = cautions.look(table, contract, guessed.task not in ("regression", None))
        guess, notes = guessed.task, notes + guessed.notes + caution.notes
    return InferResult(
        contract=contract, data_schema=schema(table), rows=raw.num_rows, task_guess=guess, warnings=notes
    )
