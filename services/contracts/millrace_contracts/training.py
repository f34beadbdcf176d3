"""How a loop trains, as it declares it: the search or code of one's own, the rows, the limits, and the other forms."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from millrace_contracts.custom_code import CodeSpec
from millrace_contracts.names import Family
from millrace_contracts.parts import DAYS, Bool, Int, Lasting, Part, Window, Written
from millrace_contracts.quantities import number
from millrace_contracts.searching import (
    LATENCY_IS_NOT_SOUGHT,
    LOSS_IS_SOUGHT,
    NO_SEARCH,
    NO_SIZE,
    UNSIZED,
    LatencySpec,
    Objective,
)
from millrace_contracts.variants import Wishes
from millrace_contracts.workers import (
    FEWEST_ABOVE,
    FEWEST_ALONE,
    MOST_WORKERS,
    NEED_NUMBER,
    NEED_RAY,
    WorkerResources,
    Workers,
)

HoldoutDays = Annotated[Written, Lasting(DAYS, most="3650d")]
MEMORY = r"^((6[4-9]|[7-9][0-9]|[1-9][0-9]{2,5})Mi|[1-9][0-9]{0,3}Gi)$"
Memory = Annotated[str, StringConstraints(pattern=MEMORY)]
CODE_DISTILLED = (
    "distil is for the ensembles of a search; code of one's own hands over the model that it wants served"
)
LATENCY_DISTILLED = (
    "distil is for ensembles, and a search for latency makes none: "
    "leave distil out, or search for the loss alone"
)
WallTime = Annotated[Written, Lasting(most="30d", least="1s")]


class SearchSpec(Part):
    trials: Int = Field(default=12, ge=1, le=10_000, description="Models tried in a full search.")
    families: list[Family] | None = Field(
        default=None,
        min_length=1,
        max_length=6,
        description="Kinds of models to search, like mlp, which is a neural net; left out: those that suit the data.",
    )
    objectives: list[Objective] | None = Field(
        default=None,
        min_length=1,
        max_length=2,
        description="What is made small: [loss], which is meant where it is left out, or [loss, latency].",
    )
    latency: LatencySpec | None = Field(
        default=None, description="How fast a model has to be; with objectives: [loss, latency]."
    )

    @model_validator(mode="after")
    def _both_are_sought(self) -> "SearchSpec":
        asked = self.objectives or ["loss"]
        if "loss" not in asked or len(set(asked)) < len(asked):
            raise ValueError(LOSS_IS_SOUGHT)
        if self.latency is not None and not self.seeks_latency:
            raise ValueError(LATENCY_IS_NOT_SOUGHT)
        if self.seeks_latency and self.families and UNSIZED.issuperset(self.families):
            raise ValueError(NO_SIZE)
        return self

    @property
    def seeks_latency(self) -> bool:
        """Whether a model's latency is an objective beside its loss."""
        return "latency" in (self.objectives or [])


class Limits(Part):
    memory: Memory = Field(
        default="3Gi", description="Memory of one job, all its processes together; 64Mi at least."
    )
    wall: WallTime = Field(default="30m", description="Time one attempt of a job may take: a safety stop.")

    def megabytes(self) -> int:
        """Memory in MiB."""
        return int(number(self.memory) // 2**20)


class TrainingSpec(Part):
    search: SearchSpec = SearchSpec()
    windows: list[Window] = Field(
        default=["all"],
        min_length=1,
        max_length=8,
        description="Spans of training data to try: all, like 60d, or season: the last 60 days and those around this "
        "time in earlier years, tried once there is an earlier year.",
    )
    holdout: HoldoutDays = Field(
        default="28d", description="Last days, kept out of training, on which a model is judged."
    )
    folds: Int = Field(
        default=5, ge=2, le=20, description="Cross-validation folds where data has no time or is small."
    )
    seed: Int = Field(default=7, ge=0, lt=2**31, description="Seed of everything random.")
    executor: Literal["pool", "inline", "ray"] = Field(
        default="pool",
        description="Where trials run; ray is also for workers, which train code of one's own.",
    )
    workers: Int | None = Field(
        default=None,
        ge=1,
        le=MOST_WORKERS,
        description="Workers that train code of one's own together; each gets its share of the rows.",
    )
    min_workers: Int | None = Field(
        default=None,
        ge=1,
        le=MOST_WORKERS,
        description="As few go on when others do not come back; left out: workers, all of them.",
    )
    resources: WorkerResources | None = Field(default=None, description="What each worker gets.")
    limits: Limits = Limits()
    variants: Wishes | None = Field(
        default=None,
        description="Forms of the model, like INT8, to be made and kept if as good and faster: [auto], which is "
        "also meant where it is left out, [none], or targets.",
    )
    distil: Bool = Field(
        default=False,
        description="Whether one small model is taught the answers of an ensemble, and kept as a form of it if as good "
        "and faster.",
    )
    code: CodeSpec | None = Field(
        default=None, description="Training code of one's own; left out: models are searched for."
    )

    @model_validator(mode="after")
    def _one_way(self) -> "TrainingSpec":
        if self.code is not None and self.search.seeks_latency:
            raise ValueError(NO_SEARCH)
        if self.code is not None and self.distil:
            raise ValueError(CODE_DISTILLED)
        if self.distil and self.search.seeks_latency:
            raise ValueError(LATENCY_DISTILLED)
        return self

    @model_validator(mode="after")
    def _who_trains(self) -> "TrainingSpec":
        if self.workers is None:
            if self.min_workers is not None or self.resources is not None:
                raise ValueError(FEWEST_ALONE)
            if self.code is not None and self.executor == "ray":
                raise ValueError(NEED_NUMBER)
            return self
        if self.code is None or self.executor != "ray":
            raise ValueError(NEED_RAY)
        if (self.min_workers or 1) > self.workers:
            raise ValueError(FEWEST_ABOVE)
        return self

    def team(self) -> Workers | None:
        """The workers that are asked for."""
        if self.workers is None:
            return None
        each = self.resources or WorkerResources()
        return Workers(least=self.min_workers or self.workers, most=self.workers, cpu=each.cpu, gpu=each.gpu)
