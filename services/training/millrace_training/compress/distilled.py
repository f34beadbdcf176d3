"""Distillation: one small model that is taught the answers of an ensemble, run by onnxruntime on the CPU.

It reads the same inputs and gives the same outputs, with features of its own fitted on the same rows. A graph that is
not what was trained is not kept: parity is proven on real and hostile rows, as for every model.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from millrace_contracts.compressing import CompressSpec
from millrace_contracts.digits import legible
from millrace_contracts.distilling import Distillation
from millrace_contracts.learning import Params
from millrace_contracts.names import Family
from millrace_contracts.signature import Signature
from millrace_contracts.variants import DISTILLED, TargetName
from millrace_training.automl.portfolio import PLAIN
from millrace_training.compress.judging import Quality
from millrace_training.compress.lessons import Lesson
from millrace_training.compress.ort_cpu import OnOrtCpu
from millrace_training.compress.target import Feeds, Recipe
from millrace_training.export import parity
from millrace_training.export.parity import ParityEvidence
from millrace_training.features.frame import Frame


@dataclass(frozen=True)
class Size:
    """One small model that may be taught; *how* says it in words."""

    family: Family
    params: Params
    how: str


def _trees(rounds: int, leaves: int, rate: float) -> Size:
    params: Params = {
        "rounds": rounds, "rate": rate, "leaves": leaves, "least_rows": 20, "columns": 1.0, "l2": 1.0,
    }  # fmt: skip
    return Size("lightgbm", params, f"lightgbm, {rounds} trees of {leaves} leaves")


def _net(layers: int, width: int, rate: float) -> Size:
    params: Params = {"layers": layers, "width": width, "rate": rate, "decay": 0.0001}
    return Size("mlp", params, f"mlp, {layers} layers of {width}")


SIZES = (
    _trees(20, 16, 0.3),
    _trees(40, 16, 0.2),
    _trees(60, 31, 0.15),
    _net(2, 48, 0.005),
    _net(2, 128, 0.003),
)
"""The fastest first: with one row the features of a net cost more than any of these trees."""


def nothing(spec: CompressSpec) -> str | None:
    """Why nothing is distilled; None: the candidate is an ensemble, whose graph from before the holdout is there."""
    made = spec.configuration
    if made is None or made["family"] != "ensemble":
        family = "one model" if made is None else f"one {made['family']} model"
        return f"nothing is distilled: the candidate is {family} and no ensemble, and small already"
    if spec.candidate.files.find("holdout") is None:
        return "nothing is distilled: the candidate has no graph that has not seen the rows to judge on"
    return None


def beside(taught: Distillation | None, good: Quality | None) -> str:
    """What the same small model learns from the labels alone, behind the reason of a finding; nothing if not told."""
    if taught is None or taught.by_labels is None or good is None:
        return ""
    alone = (
        f"the same model fitted to the labels alone has the loss {legible(taught.by_labels)}, "
        f"taught {legible(good.loss)}"
    )
    return f"; {alone}" if good.loss < taught.by_labels else f"; {alone}: teaching it was no gain"


@dataclass
class Distilled(OnOrtCpu):
    """The target of small models that are taught by one candidate.

    Attributes:
        teacher: digest of the graph that serves.
        final, before: that graph and the one that had not seen the rows to judge on, with the rows they learnt.
        proven: parity of what was made of the final graph, by how it was made.
    """

    teacher: str
    final: Lesson
    before: Lesson
    signature: Signature
    proven: dict[str, ParityEvidence] = field(default_factory=dict)

    name: TargetName = DISTILLED
    quantises: bool = False
    least_alike: float = 0.0
    """Another model answers otherwise where its teacher is not sure; the loss says whether that is worse."""

    def recipes(self, graph: bytes, rows: Feeds) -> Iterator[Recipe]:
        """The sizes, the fastest first."""
        for size in self.sizes:
            yield Recipe(size.how, partial(self._made, size))

    @property
    def sizes(self) -> Sequence[Size]:
        """Those that suit the columns: nets where all are numbers, as in a search."""
        plain = PLAIN.issuperset({column.kind for column in self.final.frame.columns})
        return [size for size in SIZES if plain or size.family != "mlp"]

    def _made(self, size: Size, graph: bytes, calibration: Feeds) -> bytes:
        """The graph of a pupil of *graph*. Raises: JobError if it is not what was trained."""
        lesson = self.final if graph == self.final.graph else self.before
        pupil = lesson.pupil(size.family, size.params)
        made = pupil.export(self.signature)
        scale = lesson.aim.task.scale(lesson.target)
        proven = parity.gate(pupil, made, lesson.frame, scale, lesson.seed)
        if lesson is self.final:
            self.proven[size.how] = proven
        return made

    def told(self, how: str, held: Frame, target: np.ndarray) -> Distillation | None:
        """How the small model was made that is called *how*; None if it could not be.

        Args:
            held, target: rows that neither it nor its teacher had seen: what the same model learns from labels alone
                is judged on them.
        """
        place = next(place for place, size in enumerate(self.sizes) if size.how == how)
        size, proven, lesson = self.sizes[place], self.proven.get(how), self.final
        if proven is None:
            return None
        alone = self.before.self_taught(size.family, size.params).predict(held)
        loss = float(lesson.aim.task.losses(target, alone).mean())
        return Distillation(
            teacher=self.teacher,
            family=size.family,
            params=size.params,
            rows=lesson.frame.rows,
            made_up=lesson.asked[0].rows,
            seed=lesson.seed,
            drawn=lesson.drawn,
            size=place + 1,
            sizes=len(self.sizes),
            parity_rows=proven.rows,
            parity_largest=proven.largest,
            by_labels=loss if np.isfinite(loss) else None,
        )
