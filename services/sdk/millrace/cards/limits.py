"""For whom a model is not: what the evaluation shows to be worse, or knows too little of. Only what was measured."""

from collections.abc import Iterator

from millrace.cards.blocks import Block, Bullets, Words, number
from millrace_contracts.cards import ModelCard
from millrace_contracts.digits import signed
from millrace_contracts.learning import EvaluateResult

WORSE = 1.25
"""A slice is named whose loss is so many times that of all rows."""


def blocks(card: ModelCard) -> Iterator[Block]:
    """What is known to be worse, and what is not known."""
    judged = card.evaluation
    if judged is None:
        yield Words("The evaluation is not kept, so nothing is known of where it is worse.")
        return
    found = [*_slices(judged), *_groups(judged), *_classes(judged), *_span(card)]
    yield Bullets(found or ["No slice, group or class that was looked at is named here."])
    yield Words(
        "Nothing is known of what was not looked at: inputs unlike those of the days above, and groups that are not "
        "declared."
    )


def _slices(judged: EvaluateResult) -> Iterator[str]:
    loss = judged.metrics.candidate.get("loss")
    for item in judged.slices:
        if loss is not None and loss > 0 and item.candidate > WORSE * loss:
            yield (
                f"{item.column} = {item.value or 'missing'}: its loss on {item.n} rows is {number(item.candidate)}, "
                f"{item.candidate / loss:.1f} times that of all rows ({number(loss)}); bounds stand in the gates."
            )


def _groups(judged: EvaluateResult) -> Iterator[str]:
    if judged.fairness is None:
        return
    for line in judged.fairness.groups:
        where = f"{line.attribute} = {line.group}"
        small = [item.metric for item in line.metrics if item.small and not line.reference]
        if small:
            yield f"{where}: too few rows to say how {', '.join(small)} compare with the reference group."
        for item in line.metrics:
            gap = item.gap
            if gap is not None and (gap.lower > 0 or gap.upper < 0):
                yield (
                    f"{where}: {item.metric} differs from the reference group by {signed(gap.difference, 3)} "
                    f"(95 % bounds {signed(gap.lower, 3)} to {signed(gap.upper, 3)})."
                )
    yield from (f"Not compared: {words}." for words in judged.fairness.left_out)


def _classes(judged: EvaluateResult) -> Iterator[str]:
    for item in judged.classes.classes if judged.classes is not None else ():
        if item.recall is not None and item.recall < 0.5:
            yield f"class {item.name}: {item.recall:.0%} of its {item.rows} rows were recognised."


def _span(card: ModelCard) -> Iterator[str]:
    through = card.release.lineage.trained_through
    if through is not None:
        yield f"What changed in the world after {through:%Y-%m-%d}: it has seen no event from then on."
