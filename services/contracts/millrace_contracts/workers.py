"""Workers that train one model together by code of one's own: how many, and what each of them gets."""

from typing import Final

from pydantic import Field, model_validator

from millrace_contracts.parts import Int, Part, Strictly

MOST_WORKERS, MOST_CPUS, MOST_GPUS = 500, 256, 16
FEWEST_ABOVE: Final = "minWorkers is more than workers"
FEWEST_ALONE: Final = "minWorkers and resources are of workers; say how many there are"
NEED_RAY: Final = "workers train code of one's own together: they need code and executor: ray"
NEED_NUMBER: Final = "executor ray runs code of one's own in workers: say how many, like workers: 2"
TWICE_WORKERS: Final = "training.workers says how many workers train; placement.workers is for trials"
TWICE_GPUS: Final = "training.resources says what each worker gets; placement.gpus is for trials"


class WorkerResources(Part):
    """What each worker gets."""

    cpu: Int = Field(default=1, ge=1, le=MOST_CPUS, description="CPUs of each worker; also its threads.")
    gpu: Int = Field(default=0, ge=0, le=MOST_GPUS, description="GPUs of each worker.")


class Workers(Strictly):
    """How many workers train together, and with what."""

    least: int = Field(ge=1, le=MOST_WORKERS, description="Fewer do not go on.")
    most: int = Field(ge=1, le=MOST_WORKERS, description="As many begin, where there is room for them.")
    cpu: int = Field(default=1, ge=1, le=MOST_CPUS, description="CPUs of each.")
    gpu: int = Field(default=0, ge=0, le=MOST_GPUS, description="GPUs of each.")

    @model_validator(mode="after")
    def _grows(self) -> "Workers":
        if self.least > self.most:
            raise ValueError("least is more than most")
        return self

    def lacking(self, cpus: int, gpus: int) -> str | None:
        """Why one machine with so many CPUs and GPUs cannot run all of them, and what it can; None: it can."""
        if self.gpu and not gpus:
            return f"{self.gpu} GPU a worker; this machine has no GPU: leave training.resources.gpu out"
        if self.most * self.gpu > gpus:
            enough = f"enough for {gpus // self.gpu} workers"
            return f"{self.most * self.gpu} GPUs; this machine has {gpus}, {enough}"
        if self.most * self.cpu > cpus:
            fits = f"workers: {cpus // self.cpu}" if self.cpu <= cpus else f"resources.cpu: {cpus}"
            return f"{self.most * self.cpu} CPUs; jobs may use {cpus} on this machine: {fits} fits"
        return None


class CodeStart(Strictly):
    """One start of the workers."""

    workers: int = Field(description="How many began.")
    step: int | None = Field(default=None, description="Of the checkpoint that they went on from.")
    lost: int | None = Field(default=None, description="The worker that was lost first; null: none was.")
    signal: int | None = Field(default=None, description="What killed it; null: it went with its machine.")


class CodeWorkers(Strictly):
    """How workers trained a version together."""

    least: int
    most: int
    starts: list[CodeStart] = Field(max_length=100)

    def told(self) -> str:
        """How many ended it, and what was lost on the way."""
        last, losses = self.starts[-1].workers, sum(start.lost is not None for start in self.starts)
        words = f"{last} workers" if last > 1 else "1 worker"
        words += f" of {self.most}" if last < self.most else ""
        if not losses:
            return words
        again = "one was lost" if losses == 1 else f"{losses} were lost"
        return f"{words}, {again} on the way"
