"""The kinds of job, each a function from what it is asked to what comes of it.

A function's annotations are the types that travel. It imports what it needs when it is called, in the job's own
process: the service, which imports this table, needs none of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel

from millrace_contracts.batches import GatherResult, GatherSpec
from millrace_contracts.compressing import CompressResult, CompressSpec
from millrace_contracts.learning import EvaluateResult, EvaluateSpec, TrainResult, TrainSpec
from millrace_contracts.pulls import LookResult, LookSpec, PullResult, PullSpec
from millrace_contracts.rows import (
    InferResult,
    InferSpec,
    IngestResult,
    IngestSpec,
    ValidateResult,
    ValidateSpec,
)
from millrace_contracts.scoring import ScoreResult, ScoreSpec
from millrace_training.runtime.context import Context


@dataclass(frozen=True)
class Kind:
    """One kind of job.

    Attributes:
        run: does it: `run(spec: SomeSpec, context: Context) -> SomeResult`.
        heavy: takes all granted CPUs, and few run side by side.
        first: goes before the others that it shares the machine with: it is soon over, and somebody waits for it.
    """

    run: Callable[[Any, Context], BaseModel]
    heavy: bool = False
    first: bool = False

    @property
    def spec(self) -> type[BaseModel]:
        """What it is asked."""
        hint: type[BaseModel] = get_type_hints(self.run)["spec"]
        return hint

    @property
    def result(self) -> type[BaseModel]:
        """What comes of it."""
        hint: type[BaseModel] = get_type_hints(self.run)["return"]
        return hint

    @property
    def function(self) -> str:
        """Where the job's process finds the function: "package.module:name"."""
        return f"{self.run.__module__}:{self.run.__qualname__}"


def infer(spec: InferSpec, context: Context) -> InferResult:
    """What contract a good sample suggests."""
    from millrace_training.rows import infer

    return infer.run(spec, context)


def ingest(spec: IngestSpec, context: Context) -> IngestResult:
    """Make a delivery a dataset version, or quarantine it."""
    from millrace_training.rows import ingest

    return ingest.run(spec, context)


def pull(spec: PullSpec, context: Context) -> PullResult:
    """Fetch what a source has and the dataset has not."""
    from millrace_training.sources import pull

    return pull.run(spec, context)


def look(spec: LookSpec, context: Context) -> LookResult:
    """The first rows of a source, which are not kept."""
    from millrace_training.sources import look

    return look.run(spec, context)


def validate(spec: ValidateSpec, context: Context) -> ValidateResult:
    """Whether a dataset version can be trained on."""
    from millrace_training.rows import validate

    return validate.run(spec, context)


def train(spec: TrainSpec, context: Context) -> TrainResult:
    """Search for a model, fit the best of an earlier search again, run a user's own code, or take a graph as it is."""
    from millrace_training.runtime.surroundings import built

    made = _trained(spec, context)
    code = None if made.code is None else made.code.digest
    return made.model_copy(update={"built": built(spec.seed, code)})


def _trained(spec: TrainSpec, context: Context) -> TrainResult:
    if spec.code is not None:
        from millrace_training.code import train as own

        return own.run(spec, context)
    if spec.adopt is not None:
        from millrace_training.code import adopting

        return adopting.run(spec, context)
    from millrace_training.automl import train

    return train.run(spec, context)


def evaluate(spec: EvaluateSpec, context: Context) -> EvaluateResult:
    """Compare a candidate with the champion on the same rows."""
    from millrace_training.evaluate import evaluate

    return evaluate.run(spec, context)


def compress(spec: CompressSpec, context: Context) -> CompressResult:
    """Make the forms of a candidate that its targets run fastest, and keep those that are as good."""
    from millrace_training.compress import compress

    return compress.run(spec, context)


def gather(spec: GatherSpec, context: Context) -> GatherResult:
    """Fetch the rows that are to be scored."""
    from millrace_training.sources import gather

    return gather.run(spec, context)


def score(spec: ScoreSpec, context: Context) -> ScoreResult:
    """Predict every row of some files."""
    from millrace_training.scoring import score

    return score.run(spec, context)


KINDS: dict[str, Kind] = {
    "infer": Kind(infer, first=True),
    "ingest": Kind(ingest, first=True),
    "pull": Kind(pull),
    "look": Kind(look),
    "validate": Kind(validate, first=True),
    "train": Kind(train, heavy=True),
    "evaluate": Kind(evaluate, heavy=True, first=True),
    "compress": Kind(compress, heavy=True, first=True),
    "gather": Kind(gather),
    "score": Kind(score),
}
