"""What a loop declares, as far as this release can read it."""

from pydantic import ValidationError

from millrace_contracts.loop import ModelLoop, Spec
from millrace_contracts.loops import LoopRead


def spec_of(loop: LoopRead) -> Spec | None:
    """What is declared; None for a document that only an earlier version took."""
    try:
        return ModelLoop.stored(loop.document).spec
    except ValidationError:
        return None
