"""What a card says, section by section, in blocks that any form can show. It tells; it praises nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from millrace.cards import answers, limits, making
from millrace.cards.blocks import Block, Bullets, Lines, Section, Words, moment, number
from millrace.cards.blocks import flat as flat
from millrace.pages.groups import HEADINGS, NO_VERDICT, rows
from millrace_contracts.cards import INTENDED_USE, NO_GROUPS, NOT_FOR, ModelCard
from millrace_contracts.fairness import FairnessEvaluation

__all__ = ["Block", "Bullets", "Lines", "Section", "Words", "sections", "summary", "title"]
NOT_SAID = "Not said. Write it as the annotation {} of the loop."
NOT_KEPT = "The evaluation is not kept."
NOT_DECLARED = "When it was judged, no protected attributes were declared (spec.fairness)."
MOST = 60


@dataclass(frozen=True)
class Chapter:
    """One section: its title and what writes its blocks."""

    title: str
    blocks: Callable[[ModelCard], Iterator[Block]]


def title(card: ModelCard) -> str:
    return f"{card.loop}, version {card.release.number}"


def summary(card: ModelCard) -> str:
    """The first sentences, for someone who reads nothing else."""
    release, judged = card.release, card.evaluation
    first = f"A {release.task} model that predicts {release.target}, of the project {card.project}."
    if card.run is not None and card.run.verdict is not None:
        first += f" Its gates said: {card.run.verdict.verdict}. {card.run.verdict.reason}."
    if judged is None:
        return f"{first} What it was judged by is not kept."
    return f"{first} It was judged on {judged.rows or 'an unknown number of'} rows that it had not seen."


def sections(card: ModelCard) -> Iterator[Section]:
    """Every section; one that has nothing to say says why."""
    for chapter in CHAPTERS:
        yield Section(chapter.title, list(chapter.blocks(card)))


def _what(card: ModelCard) -> Iterator[Block]:
    release, annotations = card.release, _annotations(card)
    yield Lines(
        ("what", "value"),
        [
            ("digest of the release", release.digest),
            ("made", moment(release.created_at)),
            ("predicts", f"{release.target} ({release.task})"),
            ("classes", ", ".join(map(str, release.signature.classes or [])) or None),
            ("this card was put together", moment(card.told_at)),
        ],
    )
    yield Words(f"Intended use: {annotations.get(INTENDED_USE) or NOT_SAID.format(INTENDED_USE)}")
    yield Words(f"Not for: {annotations.get(NOT_FOR) or NOT_SAID.format(NOT_FOR)}")
    inputs = [(item.column, item.kind) for item in release.signature.inputs[:MOST]]
    yield Lines(("input", "type"), inputs)
    if len(release.signature.inputs) > MOST:
        yield Words(f"{len(release.signature.inputs) - MOST} more inputs stand in the signature.")


def _annotations(card: ModelCard) -> dict[str, str]:
    found = ((card.declared or {}).get("metadata") or {}).get("annotations") or {}
    return {str(name): str(text) for name, text in found.items()}


def _good(card: ModelCard) -> Iterator[Block]:
    judged = card.evaluation
    if judged is None:
        yield Words("The evaluation is not kept. The metrics that were registered:")
        yield Lines(("metric", "value"), [*flat(card.release.metrics)][:MOST])
        return
    theirs = judged.metrics.champion or {}
    against = "the champion of that day" if judged.metrics.champion else "nobody: there was no champion"
    yield Words(
        f"On {judged.rows} rows ({judged.independent_rows} of them no copy of another), compared with {against} "
        "on the same rows."
    )
    lines = [
        (name, number(value), number(theirs.get(name))) for name, value in judged.metrics.candidate.items()
    ]
    yield Lines(("metric", "this version", "champion then"), lines)
    gates = card.run.verdict.gates if card.run is not None and card.run.verdict is not None else []
    if gates:
        yield Lines(("gate", "verdict", "why"), [(gate.name, gate.verdict, gate.reason) for gate in gates])


def _days(card: ModelCard) -> Iterator[Block]:
    lineage, judged = card.release.lineage, card.evaluation
    yield Lines(
        ("span", "from", "through"),
        [
            ("trained on events", moment(lineage.trained_from), moment(lineage.trained_through)),
            ("judged on events", moment(lineage.holdout_from), moment(lineage.holdout_through)),
        ],
    )
    if lineage.trained_through is None:
        yield Words("The loop names no event time: it was judged out of fold, on rows of no known day.")
    if judged is not None:
        rows_of = [
            (block.block, block.n, number(block.candidate), number(block.champion))
            for block in judged.blocks[:MOST]
        ]
        yield Lines(("block", "rows", "loss", "champion's loss"), rows_of)


def _slices(card: ModelCard) -> Iterator[Block]:
    judged = card.evaluation
    if judged is None or not judged.slices:
        yield Words("No slices are declared (gates.slices.columns), or they are not kept.")
        return
    lines = [
        (f"{item.column} = {item.value or 'missing'}", item.n, number(item.candidate), number(item.champion))
        for item in judged.slices[:MOST]
    ]
    yield Lines(("slice", "rows", "loss", "champion's loss"), lines)


def _groups(card: ModelCard) -> Iterator[Block]:
    judged, live = card.evaluation, card.live
    told = None if judged is None else judged.fairness
    now = None if live is None else live.fairness
    if told is None:
        why = NOT_KEPT if judged is None else NOT_DECLARED
        yield Words(why if now is not None else f"{why} {NO_GROUPS}")
    else:
        yield from _compared(told)
    if live is not None and now is not None:
        yield Words(f"In production, {live.days} closed days from {live.since} to {live.until}:")
        yield from _compared(now)


def _compared(told: FairnessEvaluation) -> Iterator[Block]:
    yield Words(f"Groups with fewer than {told.minimum_rows} rows are not compared. {NO_VERDICT}")
    yield from _tables(told)


def _tables(told: FairnessEvaluation) -> Iterator[Block]:
    for attribute in dict.fromkeys(line.attribute for line in told.groups):
        lines = [line for line in told.groups if line.attribute == attribute]
        yield Words(f"By {attribute}:")
        yield Lines(HEADINGS, [*rows(lines)])
    if told.left_out:
        yield Bullets([f"Not compared: {words}" for words in told.left_out])


def _importance(card: ModelCard) -> Iterator[Block]:
    judged = card.evaluation
    if judged is None or not judged.importance:
        yield Words("It is not kept which columns matter.")
        return
    yield Words("Loss that is added when a column is shuffled.")
    yield Lines(
        ("column", "loss added"),
        [(item.column, number(item.loss_added)) for item in judged.importance[:MOST]],
    )
    yield from answers.moved(card)


def _unknown(card: ModelCard) -> Iterator[Block]:
    yield Bullets(card.unknown or ["Everything that a card asks for could be told."])


CHAPTERS: Sequence[Chapter] = (
    Chapter("What it is", _what),
    Chapter("How good it is, against what", _good),
    Chapter("Its answers beside the truth", answers.beside_truth),
    Chapter("On which days", _days),
    Chapter("For whom not, and where little is known", limits.blocks),
    Chapter("Slices", _slices),
    Chapter("Groups of protected attributes", _groups),
    Chapter("What it looks at", _importance),
    Chapter("From which data", making.data),
    Chapter("Environment and code", making.environment),
    Chapter("Decisions, and who made them", making.decisions),
    Chapter("What this card does not know", _unknown),
)
