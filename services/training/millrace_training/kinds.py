"""The kinds of job: where their code is, and how much of the machine each may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of job.

    Attributes:
        run: "module:function", called as run(spec, context) in the job's process.
        spec: "module:Class", the pydantic schema that a submitted specification must fit.
        heavy: takes all granted CPUs, and few run side by side.
        first: goes before the others that it shares the machine with: it is soon over, and a loop waits for it.
    """

    run: str
    spec: str
    heavy: bool = False
    first: bool = False


KINDS: dict[str, Kind] = {
    "infer": Kind("millrace_training.rows.infer:run", "millrace_training.rows.schemas:InferSpec"),
    "ingest": Kind("millrace_training.rows.ingest:run", "millrace_training.rows.schemas:IngestSpec"),
    "validate": Kind("millrace_training.rows.validate:run", "millrace_training.rows.schemas:ValidateSpec"),
    "train": Kind("millrace_training.automl.train:run", "millrace_training.jobs.specs:TrainSpec", heavy=True),
    "evaluate": Kind(
        "millrace_training.evaluate.evaluate:run",
        "millrace_training.jobs.specs:EvaluateSpec",
        heavy=True,
        first=True,
    ),
}
