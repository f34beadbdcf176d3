"""The kinds of job: where their code is, and how much of the machine each may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of job.

    Attributes:
        run: "module:function", called as run(spec, context) in the job's process.
        spec: "module:Class", the pydantic schema that a submitted specification must fit.
        heavy: trains models: takes all granted CPUs, and few run side by side.
    """

    run: str
    spec: str
    heavy: bool = False


KINDS: dict[str, Kind] = {
    "infer": Kind("millrace_training.data.infer:run", "millrace_training.data.schemas:InferSpec"),
    "ingest": Kind("millrace_training.data.ingest:run", "millrace_training.data.schemas:IngestSpec"),
    "validate": Kind("millrace_training.data.validate:run", "millrace_training.data.schemas:ValidateSpec"),
    "train": Kind("millrace_training.automl.train:run", "millrace_training.jobs.specs:TrainSpec", heavy=True),
    "evaluate": Kind(
        "millrace_training.evaluate.evaluate:run", "millrace_training.jobs.specs:EvaluateSpec", heavy=True
    ),
}
