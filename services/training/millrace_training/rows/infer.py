"""Job `infer`: what contract a good sample suggests."""

from pathlib import Path

from millrace import drafting
from millrace_contracts.rows import InferResult, InferSpec
from millrace_table import survey
from millrace_table.drawn import Roles
from millrace_table.inference import Guess
from millrace_table.refusals import Unreadable
from millrace_training.rows.profile import schema
from millrace_training.rows.records import Records
from millrace_training.runtime.context import Context
from millrace_training.runtime.errors import JobError


def run(spec: InferSpec, context: Context) -> InferResult:
    """The inferred contract with the sample's schema, rows, a guess at the task, and warnings.

    Raises: JobError with the reason when the sample cannot be read.
    """

    def told(what: str, rows: int) -> None:
        context.report("read", message=f"{rows} rows {what}")

    context.report("read")
    asked = Roles(spec.target, spec.event_time, spec.timezone)
    context.scratch.mkdir(parents=True, exist_ok=True)
    try:
        path = Records(context).file(spec.digest)
        seen = survey.look(path, spec.format, asked, spec.dialect, context.scratch, told)
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
    guess = None if spec.target is None else seen.guess(spec.task)
    more = [] if guess is None else [*guess.notes, *seen.cautions(guess).notes]
    result = InferResult(
        contract=seen.contract,
        data_schema=schema(seen.table),
        rows=seen.rows,
        task_guess=None if guess is None else guess.task,
        warnings=seen.notes(more),
    )
    return result if guess is None or spec.loop is None else _drafted(result, spec, seen, guess)


def _drafted(result: InferResult, spec: InferSpec, seen: survey.Survey, guess: Guess) -> InferResult:
    """With a loop and its contract as texts, as `millrace init` writes them; without a task there is none."""
    if guess.task is None or spec.loop is None:
        return result.model_copy(update={"mend": guess.mend})
    sample, folder = drafting.sampled(seen, guess, guess.task), Path()
    contract = Path(f"{spec.loop}.contract.yaml")
    return result.model_copy(
        update={
            "warnings": sample.notes,
            "loop_draft": drafting.loop_text(spec.loop, sample, None, contract, folder, spec.timezone),
            "contract_draft": drafting.contract_text(sample, spec.name),
        }
    )
