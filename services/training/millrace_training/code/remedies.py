"""What is told of code that failed: the last lines of its traceback, and what would mend it."""

from millrace_contracts.custom_code import CodeFailure, CodeGuards, CodeSpec
from millrace_training.runtime.errors import JobError

LINES = 12
LEFT_ALONE = ("closed by peer", "reset by peer", "Broken pipe", "Connection refused")
"""How a worker's words sound when another is not there any more."""
TITLE = "The training code failed"
UNREACHABLE = (
    "gaierror",
    "ConnectionRefusedError",
    "ConnectionError",
    "URLError",
    "ConnectTimeout",
    "OSError",
)


def failed(failure: CodeFailure | None, status: int, code: CodeSpec, guards: CodeGuards | None) -> JobError:
    """The error of a job whose code raised, or left with *status* without a word."""
    if failure is None:
        detail = f"Its process left with {status} and said nothing."
        return JobError(TITLE, detail, "See the job's log; sys.exit is no way to hand over a model.")
    trace = "\n".join(failure.trace[-LINES:])
    who = "" if failure.rank is None else f"worker {failure.rank}: "
    return JobError(TITLE, f"{who}{failure.kind}: {failure.error}\n{trace}\n", _mend(failure, code, guards))


def is_left_alone(failure: CodeFailure) -> bool:
    """Whether a worker failed because another was not there any more."""
    return failure.rank is not None and any(words in failure.error for words in LEFT_ALONE)


def _mend(failure: CodeFailure, code: CodeSpec, guards: CodeGuards | None) -> str:
    where = code.image or code.python or "the platform's own environment"
    if is_left_alone(failure):
        return (
            "It waited for another worker that had ended: let all take as many steps, as their shares of the rows may "
            "differ by one (torch.distributed.algorithms.join, or drop_last=True)."
        )
    if failure.kind in ("ModuleNotFoundError", "ImportError"):
        return (
            f"Install it where the code runs ({where}), or name another environment in training.code.python."
        )
    if failure.kind == "AttributeError" and code.entry.partition(":")[2] in failure.error:
        return f"Write training.code.entry as module:function; {code.entry} is not there."
    if failure.kind == "MemoryError":
        return "Raise training.limits.memory, or read fewer rows at once."
    cut = guards is not None and guards.network == "enforced"
    if cut and (
        failure.kind in UNREACHABLE or "unreachable" in failure.error or "resolution" in failure.error
    ):
        return "It may not use the network; say network: true below training.code if it has to."
    return "Mend the code and apply the loop again; 'millrace apply' packs it anew."
