"""Whether a variant is kept: as good as the base form on unseen rows, and faster; else why not, with the number."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from millrace_contracts.compressing import CompressPlan
from millrace_contracts.counting import counted
from millrace_contracts.learning import Block
from millrace_contracts.variants import SPEED_UP, LossDifference, Measurement, SliceDifference, VariantState
from millrace_stats.paired import Comparison, non_inferior
from millrace_stats.tasks import Task
from millrace_training.compress.target import SAME
from millrace_training.evaluate import blocks

ALIKE = 0.1
"""Numbers are alike that differ by less than this share of their standard deviation."""
SLICE_BLOCKS = 3


@dataclass(frozen=True)
class Judged:
    """The rows that variants are judged on, with the base form's answers.

    Attributes:
        target, base: labels (rows,) and answers, (rows,) or (rows, classes), of rows that the graph had not seen.
        labels, name: block of each row, int64 (rows,), and what a block is called.
        texts: values of the slice columns by name.
        ordered: whether blocks follow each other in time.
    """

    task: Task
    target: np.ndarray
    base: np.ndarray
    labels: np.ndarray
    name: Callable[[int], str]
    texts: dict[str, np.ndarray] = field(default_factory=dict)
    ordered: bool = False


@dataclass(frozen=True)
class Quality:
    """How good a variant is beside the base form; *fault* says why that is not good enough, if it is not."""

    agreement: float
    loss: float
    difference: LossDifference
    slices: list[SliceDifference]
    fault: str | None


def quality(judged: Judged, answers: np.ndarray, plan: CompressPlan, least: float = SAME) -> Quality:
    """Compare a variant's *answers*, shaped as the base form's, with those.

    Args:
        least: share of the rows that it has to answer as the base form does.
    """
    agreement = float(alike(judged.base, answers, judged.task).mean())
    finite = np.isfinite(answers).all()
    losses = judged.task.losses(judged.target, np.where(np.isfinite(answers), answers, 0.0))
    before = judged.task.losses(judged.target, judged.base)
    whole = _compared(
        blocks.of_rows(judged.labels, judged.name, losses, before), plan.margin, plan.minimum_blocks, judged
    )
    slices = _slices(judged, losses, before, plan)
    told = LossDifference.model_validate(_told(whole))
    fault = "it answers what is no number" if not finite else _fault(agreement, told, slices, least)
    return Quality(agreement, float(losses.mean()), told, slices, fault)


def also(good: Quality, base: np.ndarray, answers: np.ndarray, task: Task, least: float) -> Quality:
    """The same with the agreement of the graph that serves, if that is less."""
    agreement = min(good.agreement, float(alike(base, answers, task).mean()))
    fault = good.fault or _fault(agreement, good.difference, good.slices, least)
    return replace(good, agreement=agreement, fault=fault)


def alike(base: np.ndarray, answers: np.ndarray, task: Task) -> np.ndarray:
    """Which rows have the same class, or nearly the same number; bool (rows,)."""
    if not task.classifies:
        scale = max(float(base.std()), 1e-12)
        return np.asarray(np.abs(answers - base) <= ALIKE * scale)
    if base.ndim == 2:
        return np.asarray(base.argmax(axis=1) == answers.argmax(axis=1))
    return np.asarray((base >= 0.5) == (answers >= 0.5))


def _compared(parts: list[Block], margin: float, least: int, judged: Judged) -> Comparison:
    variant, base, rows = (
        np.array([getattr(part, name) for part in parts], float) for name in ("candidate", "champion", "n")
    )
    return non_inferior(variant, base, rows, margin, least, judged.ordered)


def _told(result: Comparison) -> dict[str, object]:
    numbers = {
        name: value if np.isfinite(value) else None
        for name, value in (
            ("difference", result.difference),
            ("lower", result.lower),
            ("upper", result.upper),
        )
    }
    reason = result.reason.replace("candidate", "variant")
    kept = {name: getattr(result, name) for name in ("verdict", "margin", "blocks", "rows")}
    return {**kept, **numbers, "reason": reason}


def _slices(
    judged: Judged, losses: np.ndarray, before: np.ndarray, plan: CompressPlan
) -> list[SliceDifference]:
    """Each slice with rows enough; the same bound as on all rows, with the slices' own margin."""
    parts = blocks.of_slices(judged.texts, judged.labels, judged.name, losses, before)
    found = []
    for part in parts:
        if part.n < plan.minimum_rows or len(part.blocks) < SLICE_BLOCKS:
            continue
        result = _compared(part.blocks, plan.tolerance, SLICE_BLOCKS, judged)
        found.append(
            SliceDifference.model_validate({**_told(result), "column": part.column, "value": part.value})
        )
    return found


def _fault(
    agreement: float, whole: LossDifference, slices: list[SliceDifference], least: float
) -> str | None:
    if agreement < least:
        return f"it answers {agreement:.2%} of the rows as the base form does, {least:.0%} are wanted"
    if whole.verdict != "passed":
        return whole.reason
    for part in slices:
        if part.verdict != "passed":
            return f"where {part.column} is {part.value or 'missing'}: {part.reason}"
    return None


@dataclass(frozen=True)
class Finding:
    """What becomes of a variant, and why."""

    state: VariantState
    reason: str


def decide(
    quantised: int | None, broken: list[str], good: Quality, measured: Measurement | None, lacking: str | None,
    batches: list[int],
) -> Finding:  # fmt: skip
    """Kept only if it is what it says, as good, and faster where it was measured.

    Args:
        quantised: Q/DQ nodes; None where the form has none by its nature.
        broken: rules of its target that it breaks.
        lacking: why it was not measured.
        batches: rows in a call at which it has to be faster.
    """
    if quantised == 0:
        return Finding("refused", "it has 0 Q/DQ nodes: nothing in it was quantised")
    if broken:
        return Finding("refused", f"its target would not take it: {'; '.join(broken[:5])}")
    if good.fault is not None:
        return Finding("refused", good.fault)
    if measured is None:
        return Finding("unmeasured", f"as good ({_good(good)}); {lacking}")
    return _fast(good, measured, batches)


def _fast(good: Quality, measured: Measurement, batches: list[int]) -> Finding:
    speeds = [item for batch in batches if (item := measured.at(batch)) is not None]
    slow = [item for item in speeds if item.lower <= SPEED_UP]
    if slow or not speeds:
        told = "; ".join(
            f"{item.ratio:.2f} times as fast with {_rows(item.batch)} (at least {item.lower:.2f})"
            for item in slow
        )
        return Finding("refused", f"{told or 'its speed is not known'}: more than {SPEED_UP:g} is wanted")
    faster = ", ".join(f"{item.ratio:.1f} with {_rows(item.batch)}" for item in speeds)
    return Finding("kept", f"as good ({_good(good)}) and faster: {faster}")


def _good(good: Quality) -> str:
    told = good.difference
    return (
        f"loss {told.difference:+.2%}, at most {told.upper:+.2%}; {good.agreement:.2%} of the answers alike"
    )


def _rows(batch: int) -> str:
    return counted(batch, "row")
