"""The evaluation as a page for people: one file, pictures inside, nothing loaded from elsewhere."""

from typing import Any

import numpy as np

from millrace.pages import Html, effects, figures, front, groups, page, paragraph, pictures, section, table
from millrace_contracts.digits import legible
from millrace_contracts.effects import Effect, Importance
from millrace_contracts.learning import Block, ClassesEvaluation, EvaluateResult, SliceEvaluation
from millrace_contracts.searching import SearchFront
from millrace_stats.tasks import Task
from millrace_training.automl.table import Table

SHOWN = 20
"""Columns and classes that are shown one by one."""


def render(
    title: str,
    result: EvaluateResult,
    rows: Table,
    predicted: np.ndarray,
    task: Task,
    found: SearchFront | None = None,
) -> bytes:
    """The page.

    Args:
        result: metrics, blocks, slices, importance and classes of the evaluation.
        predicted: the candidate's answers for *rows*, (rows,) or (rows, classes).
        found: what the candidate's search found of loss and latency, if it looked at both.
    """
    parts = [
        section("Metrics on rows that no model had seen", _metrics(result)),
        *([section("Parts of the data", _slices(result.slices))] if result.slices else []),
        *([] if result.fairness is None else [groups.shown(result.fairness)]),
        *_classes(result.classes),
        section("Loss by block", _blocks(result.blocks)),
        section("What it looks at: loss added when a column is shuffled", _importance(result.importance)),
        *_effects(result.effects),
        *(
            section(picture.title, pictures.drawn(picture))
            for picture in task.pictures(rows.target, predicted, rows.classes)
        ),
        *([] if found is None else [section("Loss against latency in the search", front.shown(found))]),
    ]
    return page(title, *parts, lead=_lead(result.blocks, rows.frame.rows)).encode()


def _lead(blocks: list[Block], rows: int) -> str:
    """The finding in words, for someone who reads nothing else; it is the gates that decide."""
    mine, theirs = (np.array(column, float) for column in zip(*map(_losses, blocks), strict=True))
    paired = np.isfinite(theirs)
    text = f"Judged on {rows} rows in {len(mine)} blocks (spans of time, or groups of rows); a smaller loss is better."
    if not paired.any():
        return f"{text} There is no champion to compare with on these rows."
    change = mine[paired].mean() / max(theirs[paired].mean(), 1e-300) - 1
    wins, word = int((mine < theirs)[paired].sum()), "smaller" if change < 0 else "larger"
    return (
        f"{text} The candidate's loss is {abs(change):.1%} {word} than the champion's on the {paired.sum()} blocks "
        f"that neither had seen, and smaller on {wins} of them."
    )


def _losses(item: Block | SliceEvaluation) -> tuple[float, float]:
    """Candidate's and champion's loss; NaN if there is none."""
    return item.candidate, np.nan if item.champion is None else item.champion


def _number(value: float | None) -> str | None:
    return None if value is None or not np.isfinite(value) else legible(value, 5)


def _metrics(result: EvaluateResult) -> Html:
    theirs = result.metrics.champion or {}
    lines = [
        (name, _number(value), _number(theirs.get(name))) for name, value in result.metrics.candidate.items()
    ]
    return table(("metric", "candidate", "champion"), lines)


def _slices(slices: list[SliceEvaluation]) -> Html:
    lines = [
        (
            f"{item.column} = {item.value or 'missing'}",
            item.n,
            _number(item.candidate),
            _number(item.champion),
        )
        for item in slices
    ]
    return table(("part", "rows", "candidate's loss", "champion's loss"), lines)


def _classes(told: ClassesEvaluation | None) -> list[Html]:
    """Precision and recall of each class, the most frequent ones if there are many, and the commonest mistakes."""
    if told is None:
        return []
    lines = sorted(told.classes, key=lambda line: -line.rows)[:SHOWN]
    cells = [
        (
            line.name,
            line.rows,
            line.predicted,
            *map(_number, (line.precision, line.recall, line.f1, line.auc)),
        )
        for line in lines
    ]
    header = ("class", "rows", "taken for it", "precision", "recall", "F1", "AUC against the rest")
    more = "" if len(lines) == len(told.classes) else f" (the {len(lines)} commonest of {len(told.classes)})"
    sections = [section(f"Classes{more}", table(header, cells))]
    if told.confused:
        mistakes = [(item.true, item.predicted, item.rows) for item in told.confused]
        sections.append(section("Commonest mistakes", table(("true class", "taken for", "rows"), mistakes)))
    return sections


def _blocks(blocks: list[Block]) -> Html:
    mine, theirs = zip(*map(_losses, blocks), strict=True)

    def paint(axes: Any) -> None:
        axes.plot(mine, "o-", ms=3, label="candidate", color=figures.BLUE)
        if np.isfinite(theirs).any():
            axes.plot(theirs, "o-", ms=3, label="champion", color=figures.RED)
        step = max(1, len(blocks) // 8)
        axes.set_xticks(range(0, len(blocks), step), [block.block for block in blocks[::step]], fontsize=7)
        axes.set_ylabel("mean loss")
        axes.legend(frameon=False)

    return figures.draw(paint, 3.0)


def _effects(told: list[Effect]) -> list[Html]:
    if not told:
        return []
    tables = [
        part
        for item in told
        for part in (paragraph(effects.name(item)), table(effects.headings(item), effects.rows(item)))
    ]
    return [section("How the answer moves with it", paragraph(effects.LEAD), *tables)]


def _importance(items: list[Importance]) -> Html:
    shown = items[:SHOWN]
    names, values = [item.column for item in shown], [item.loss_added for item in shown]
    return pictures.bars(names, values, "loss added", figures.GREEN)
