"""What a card says of the answers themselves: what moves them, what their probabilities are worth, what is confused."""

from collections.abc import Iterator

from millrace.cards.blocks import Block, Lines, Words, number
from millrace.pages import effects
from millrace_contracts.cards import ModelCard
from millrace_contracts.fits import CalibrationCurve, ErrorSpan
from millrace_contracts.learning import ClassesEvaluation

MOST = 60
SEEN = "What it was judged by is not kept, so nothing is told of its answers beside the truth."
NOT_TOLD = "The release that judged it did not tell how its answers lie beside the truth."


def moved(card: ModelCard) -> Iterator[Block]:
    """How answers move with the columns that matter most; nothing for what an earlier release judged."""
    judged = card.evaluation
    if judged is None or not judged.effects:
        return
    yield Words(effects.LEAD)
    for item in judged.effects:
        yield Words(effects.name(item))
        yield Lines(effects.headings(item), [*effects.rows(item)])


def beside_truth(card: ModelCard) -> Iterator[Block]:
    """Calibration and confusion of classes, errors of numbers."""
    judged = card.evaluation
    if judged is None:
        yield Words(SEEN)
        return
    blocks = [
        *(block for curve in judged.fit.calibration for block in _calibration(curve)),
        *_errors(judged.fit.errors),
        *_classes(judged.classes),
    ]
    yield from blocks or [Words(NOT_TOLD)]


def _calibration(curve: CalibrationCurve) -> Iterator[Block]:
    if curve.points:
        yield Words(f"{curve.title}: a probability is worth what it says where both columns are alike.")
        lines = [(_share(item.predicted), _share(item.observed)) for item in curve.points]
        yield Lines((curve.what, "how often it was so"), lines)


def _errors(spans: list[ErrorSpan]) -> Iterator[Block]:
    if spans:
        yield Words("Errors (answer minus truth) by tenths of the answers, in the target's unit.")
        lines = [
            (f"{number(item.lowest)} to {number(item.highest)}", item.rows, number(item.p50),
             f"{number(item.p10)} to {number(item.p90)}")
            for item in spans
        ]  # fmt: skip
        yield Lines(("answers", "rows", "median error", "four of five errors"), lines)


def _classes(told: ClassesEvaluation | None) -> Iterator[Block]:
    if told is None:
        return
    lines = [
        (item.name, item.rows, item.predicted, *map(number, (item.precision, item.recall, item.f1, item.auc)))
        for item in told.classes[:MOST]
    ]
    yield Lines(("class", "rows", "taken for it", "precision", "recall", "F1", "AUC"), lines)
    names = [item.name for item in told.classes]
    if told.confusion is not None:
        yield Words("Rows by true class (down) and by the class they were taken for (across).")
        counts = [(name, *row) for name, row in zip(names, told.confusion, strict=True)]
        yield Lines(("true class", *(f"as {name}" for name in names)), counts)
    elif told.confused:
        yield Words("The commonest mistakes.")
        yield Lines(
            ("true class", "taken for", "rows"),
            [(item.true, item.predicted, item.rows) for item in told.confused],
        )


def _share(value: float) -> str:
    return f"{100 * value:.3g} %"
