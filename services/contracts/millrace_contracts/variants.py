"""Variants: the forms of a version's graph, the targets that they are made for, and what was measured of each.

A target is a runtime with a precision on a kind of hardware. Its variant is kept only if it is as good as the base form
and faster where it was measured; a node of another kind has to measure for itself (see `NodeKind.key`).
"""

import re
from collections.abc import Iterable
from typing import Annotated, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from millrace_contracts.distilling import Distillation
from millrace_contracts.fixed import Count, Finite, Fixed
from millrace_contracts.names import ColumnName, Digest
from millrace_contracts.parts import Strictly
from millrace_contracts.release import BASE, FileName
from millrace_contracts.traffic import RequestSizes

GraphTarget = Literal[
    "ort-cpu-fp32",
    "ort-cpu-int8",
    "openvino-cpu-fp32",
    "openvino-cpu-int8",
    "ort-cuda-fp16",
    "tensorrt-fp16",
    "tensorrt-int8",
]
"""Those that change how a graph is computed."""
TargetName = Literal[GraphTarget, "ort-cpu-distilled"]
"""distilled: another, small model that was taught the graph's answers; asked for by `training.distil`."""
TARGETS: tuple[TargetName, ...] = get_args(TargetName)
BASE_TARGET: TargetName = "ort-cpu-fp32"
"""The form in which training exports a graph; every kind of node can run it."""
DISTILLED: TargetName = "ort-cpu-distilled"
Wish = Literal["auto", "none", GraphTarget]
"""auto: every target that the platform can build and measure."""
VariantState = Literal["kept", "refused", "unmeasured"]
"""unmeasured: built, and right by every rule that needs no such hardware, which was not at hand."""
FLAGS = (
    "avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16",
    "asimddp", "i8mm", "bf16", "sve",
)  # fmt: skip
"""Instructions that decide how fast numbers of 8 and 16 bits are multiplied, as Linux names them."""
SPEED_UP = 1.1
"""A form that is less than so many times as fast as the base form is not worth another one's answers."""
MEASURING = "millrace-measuring-{user}.lock"
"""The file in the folder for temporary files that whoever measures on a machine locks, by the user's number."""
Slug = Annotated[str, StringConstraints(max_length=100, pattern=r"^[A-Za-z0-9._+-]*$")]
Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def variant_of(target: TargetName) -> str:
    """What the files of a release call that target's variant."""
    return BASE if target == BASE_TARGET else target


class NodeKind(Fixed):
    """What makes two nodes equally fast at the same graph: hardware, instructions, runtime and its version."""

    device: Literal["cpu", "gpu"]
    product: str = Field(max_length=200, description="As the CPU or the driver names it.")
    flags: list[Slug] = Field(
        default=[], max_length=30, description="Of a CPU: which of the instructions that matter it has."
    )
    runtime: Slug = Field(description="onnxruntime, openvino or tensorrt.")
    runtime_version: Slug
    driver: Slug = Field(default="", description="Of a GPU; an engine fits one driver.")

    @property
    def key(self) -> str:
        """One text for all of it, like `cpu/intel-xeon-8481c/avx2+amx_int8/onnxruntime-1.31.1`."""
        middle = "+".join(self.flags) if self.device == "cpu" else f"driver-{self.driver or 'unknown'}"
        return (
            f"{self.device}/{_slug(self.product)}/{middle or 'plain'}/{self.runtime}-{self.runtime_version}"
        )

    @property
    def saturates(self) -> bool:
        """Whether it adds two products of U8 and S8 in 16 bits, which weights of 8 bits overflow: x86 without VNNI."""
        return "avx2" in self.flags and not {"avx_vnni", "avx512_vnni"} & set(self.flags)

    @classmethod
    def of_cpu(cls, cpuinfo: str, runtime: str, version: str) -> "NodeKind":
        """The kind of a node by the text of its /proc/cpuinfo; what that does not tell is left empty."""
        facts = dict(_facts(cpuinfo))
        product = facts.get("model name") or " ".join(
            facts[name] for name in ("CPU implementer", "CPU part") if name in facts
        )
        has = set((facts.get("flags") or facts.get("Features") or "").split())
        flags = [flag for flag in FLAGS if flag in has]
        return cls(device="cpu", product=product[:200], flags=flags, runtime=runtime, runtime_version=version)


def _facts(cpuinfo: str) -> Iterable[tuple[str, str]]:
    """What /proc/cpuinfo says of its last processor; all are alike."""
    pairs = (line.partition(":") for line in cpuinfo.splitlines())
    return ((name.strip(), value.strip()) for name, _, value in pairs if value.strip())


def _slug(text: str) -> str:
    """`Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz` as `intel-xeon-platinum-8481c-2.70ghz`."""
    plain = re.sub(r"\((r|tm)\)|\b(cpu|processor)\b", " ", text.lower())
    return re.sub(r"[^a-z0-9.]+", "-", plain).strip("-") or "unknown"


class Latency(Fixed):
    """How long one call with so many rows takes, in milliseconds: the median of what the rounds say."""

    batch: int = Field(ge=1, le=2**20, description="Rows in one call.")
    p10: Milliseconds
    p50: Milliseconds
    p99: Milliseconds
    repeats: int = Field(ge=1, description="Rounds, each with the base form and the variant in turn.")
    calls: int = Field(ge=1, description="Calls in a round.")
    spread: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        description="Of p10 over the rounds: (largest - least) / median."
    )


class SpeedUp(Fixed):
    """How many times faster than the base form at one batch size; above 1 is faster."""

    batch: int = Field(ge=1, le=2**20)
    ratio: Finite = Field(description="Of p10: the mean over the rounds.")
    lower: Finite = Field(description="Its lower 95 % bound over the rounds.")
    upper: Finite
    p99: Finite = Field(description="The same ratio of p99, the median over the rounds.")


class Measurement(Fixed):
    """One variant beside the base form on one node: who was measured with what, and what came out."""

    node: NodeKind
    threads: int = Field(ge=1, le=4096, description="Threads that one call may use.")
    exclusive: bool = Field(description="Whether no other measurement ran on the machine meanwhile.")
    load: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None, description="Load of the machine over the last minute when it began, if it tells."
    )
    beside: Count | None = Field(
        default=None,
        description="Other pods of the platform that ran on the node meanwhile; null: not known.",
    )
    traffic: RequestSizes | None = Field(
        default=None,
        description="Whose requests the batch sizes are of; null: of none, they are the usual ones.",
    )
    base: list[Latency] = Field(max_length=20)
    variant: list[Latency] = Field(max_length=20)
    speed_up: list[SpeedUp] = Field(max_length=20)

    def at(self, batch: int) -> SpeedUp | None:
        """How much faster with so many rows, if that was measured."""
        return next((item for item in self.speed_up if item.batch == batch), None)


class LossDifference(Fixed):
    """The variant's loss against the base form's on the same unseen rows, by the statistics of the gates."""

    verdict: Literal["passed", "failed", "inconclusive"]
    difference: Finite | None = Field(description="As a share of the base form's loss; null: not told.")
    lower: Finite | None = Field(description="95 % bounds.")
    upper: Finite | None
    margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        description="Most that it may lose, as a share."
    )
    blocks: Count
    rows: Count
    reason: str = Field(max_length=2000)


class SliceDifference(LossDifference):
    """The same for the rows with one value of one column."""

    column: ColumnName
    value: str = Field(max_length=10_000)


class ModelVariant(Fixed):
    """One form of a version's graph, with everything that was found out of it."""

    target: TargetName
    state: VariantState
    reason: str = Field(
        min_length=1, max_length=2000, description="In plain words; if refused, with the number."
    )
    name: FileName | None = Field(default=None, description="Its file in the release; null: none is kept.")
    digest: Digest | None = Field(default=None, description="Of that file, also of a refused one.")
    size: Count | None = Field(default=None, description="Bytes of that file.")
    quantised: Count | None = Field(
        default=None, description="QuantizeLinear and DequantizeLinear nodes, and those of dynamic INT8."
    )
    how: str = Field(
        default="", max_length=200, description="Like: static U8/S8 per channel; all but layer 3."
    )
    agreement: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Share of unseen rows that it answers as the base form does."
    )
    loss: Finite | None = Field(default=None, description="Mean loss on the unseen rows.")
    difference: LossDifference | None = None
    slices: list[SliceDifference] = Field(default=[], max_length=1000)
    measured: Measurement | None = Field(default=None, description="null: on no node so far.")
    taught: Distillation | None = Field(default=None, description="Of a distilled form: by whom, and how.")
    golden: dict[str, list[float | str | list[float]]] = Field(
        default={},
        description="What this form answers to the version's golden rows, by output; none: not told.",
    )

    @property
    def file_variant(self) -> str:
        """What the files of the release call it."""
        return variant_of(self.target)

    @model_validator(mode="after")
    def _told_whole(self) -> "ModelVariant":
        if self.state != "refused" and (self.name is None or self.digest is None):
            raise ValueError(f"{self.target} is {self.state} and names no file")
        if self.state == "unmeasured" and self.measured is not None:
            raise ValueError(f"{self.target} is unmeasured and tells a measurement")
        if self.state == "kept" and self.target != BASE_TARGET and self.measured is None:
            raise ValueError(f"{self.target} is kept and tells no measurement")
        return self


class MeasurementWrite(Strictly):
    """What a pod tells that measured a form on its node."""

    target: TargetName
    digest: Digest = Field(description="Of the form's graph.")
    measurement: Measurement


ModelVariants = Annotated[list[ModelVariant], Field(max_length=len(TARGETS))]
"""What a version tells of its forms, the base form first; none for what has one form alone."""


NONE_ALONE = "none stands alone: write [none], [auto], or a list of targets"


def _listed(wishes: object) -> object:
    """A bare word is a list of one; in Kubernetes it has to be written as one."""
    return [wishes] if isinstance(wishes, str) else wishes


def _none_alone(wishes: list[Wish]) -> list[Wish]:
    if "none" in wishes and len(wishes) > 1:
        raise ValueError(NONE_ALONE)
    return wishes


Wishes = Annotated[
    list[Wish], Field(min_length=1, max_length=20), BeforeValidator(_listed), AfterValidator(_none_alone)
]
"""What stands below `training.variants`."""
