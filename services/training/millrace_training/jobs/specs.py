"""Refuses a job at once whose specification its kind could not read, and tells whether two ask for the same."""

from pydantic import ValidationError

from millrace_contracts.bodies import Document
from millrace_contracts.jobs import JobKind
from millrace_core.errors import BadInput, FieldError
from millrace_training.kinds import KINDS


def check(kind: JobKind, spec: Document) -> None:
    """Raises BadInput with every mistake in *spec*."""
    try:
        KINDS[kind].spec.model_validate(spec)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)[:20]
        errors = [FieldError(".".join(("spec", *map(str, item["loc"]))), item["msg"]) for item in faults]
        raise BadInput(f"{errors[0].where}: {errors[0].what}", errors) from error


def same(kind: JobKind, one: Document, other: Document) -> bool:
    """Whether two specifications ask for the same, however they are written: an instant can be told in two ways."""
    if one == other:
        return True
    spec = KINDS[kind].spec
    try:
        first, second = (spec.model_validate(item).model_dump(mode="json") for item in (one, other))
    except ValidationError:
        return False
    return first == second
