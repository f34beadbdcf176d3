"""Mean losses of candidate and champion on the same rows, by block: a span of time, or a bucket of rows."""

from collections.abc import Callable

import numpy as np

from millrace_contracts.learning import Block, SliceEvaluation

BUCKETS = 50
MOST_SLICES = 30
SLICE_ROWS = 100


def of_rows(
    labels: np.ndarray, name: Callable[[int], str], candidate: np.ndarray, champion: np.ndarray | None
) -> list[Block]:
    """One line a block.

    Args:
        labels: block of each row, int64 (rows,). candidate, champion: loss of each row; NaN in the champion's
            means that it may have seen the row: such rows count for neither.
    """
    lines = []
    for label in np.unique(labels):
        here = labels == label
        if champion is not None:
            comparable = here & np.isfinite(champion)
            if comparable.any():
                lines.append(_line(name(int(label)), candidate[comparable], champion[comparable]))
                continue
        lines.append(_line(name(int(label)), candidate[here], None))
    return lines


def _line(block: str, candidate: np.ndarray, champion: np.ndarray | None) -> Block:
    theirs = None if champion is None else float(champion.mean())
    return Block(block=block, n=len(candidate), candidate=float(candidate.mean()), champion=theirs)


def of_slices(
    texts: dict[str, np.ndarray],
    labels: np.ndarray,
    name: Callable[[int], str],
    candidate: np.ndarray,
    champion: np.ndarray | None,
) -> list[SliceEvaluation]:
    """The same for the most frequent values of each slice column.

    Args:
        texts: values of each row by column name.
    """
    parts = []
    for column, values in texts.items():
        words, counts = np.unique(values.astype(str), return_counts=True)
        for place in np.argsort(-counts, kind="stable")[:MOST_SLICES]:
            if counts[place] < SLICE_ROWS:
                continue
            here = values.astype(str) == words[place]
            theirs = None if champion is None else champion[here]
            mean = None if theirs is None or not np.isfinite(theirs).any() else float(np.nanmean(theirs))
            parts.append(
                SliceEvaluation(
                    column=column,
                    value=str(words[place]),
                    n=int(counts[place]),
                    candidate=float(candidate[here].mean()),
                    champion=mean,
                    blocks=of_rows(labels[here], name, candidate[here], theirs),
                )
            )
    return parts
