"""Whether a loaded revision takes packed tensors, and answers them as it answers columns: the parity of both forms."""

from millrace_contracts import packing
from millrace_serving.triton import golden
from millrace_serving.triton.client import Triton, TritonError
from millrace_serving.triton.golden import WrongAnswer
from millrace_serving.triton.repository import Wanted

REFUSED = 400
"""How Triton answers an input that a model does not have: one loaded by an older serving, or run by another backend."""


async def packs(triton: Triton, wanted: Wanted, timeout: float = 2.0) -> bool:
    """Send the golden rows packed. Raises: WrongAnswer; TritonError if there is no answer at all."""
    if not packing.groups(wanted.signature):
        return False
    columns = golden.columns(wanted.golden.inputs, wanted.signature)
    try:
        answered = await triton.infer(wanted.name, columns, timeout, packed=True)
    except TritonError as error:
        if error.status == REFUSED:
            return False
        if error.answered:
            raise WrongAnswer(f"the golden rows get no answer when they are packed: {error}") from error
        raise
    try:
        golden.compare(wanted.golden.outputs, answered, wanted.exact)
    except WrongAnswer as error:
        raise WrongAnswer(f"packed, {error}") from error
    return True
