"""Archived versions beside candidate and champion, on rows that none of the three had seen."""

from collections.abc import Callable

import numpy as np

from millrace_contracts.contenders import ArchivedBlock, ArchivedEvaluation
from millrace_contracts.learning import EvaluateSpec
from millrace_contracts.signature import Signature
from millrace_training.automl.table import Table
from millrace_training.evaluate.contenders import Judges
from millrace_training.runtime.context import Context


def answers(spec: EvaluateSpec, judges: Judges, table: Table, context: Context) -> dict[int, np.ndarray]:
    """What each archived version answers, by its number; NaN where both its graphs have seen the row's day.

    One that takes other inputs than the candidate does is left out: these rows say nothing of it.
    """
    found = {}
    for item in spec.archived:
        if _takes(item.signature) != _takes(spec.candidate.signature):
            context.log(
                "not compared", version=item.version, reason="it takes other inputs than the candidate"
            )
            continue
        found[item.version] = judges.by_time(item, table, spec.timezone)
    return found


def _takes(signature: Signature | None) -> set[tuple[str, bool]]:
    """Names of the tensors that a model takes, and whether they are texts."""
    return {(item.name, item.datatype == "BYTES") for item in (signature.inputs if signature else [])}


def of_rows(
    archived: dict[int, np.ndarray],
    labels: np.ndarray,
    name: Callable[[int], str],
    candidate: np.ndarray,
    champion: np.ndarray | None,
) -> list[ArchivedEvaluation]:
    """Mean losses by block; nothing where there is no champion.

    Args:
        archived: loss of each row by version. labels: block of each row, int64 (rows,). candidate, champion: loss of
            each row; NaN, here as in *archived*, means that a model may have seen the row: it counts for nobody.
    """
    if champion is None:
        return []
    return [
        ArchivedEvaluation(version=number, blocks=_blocks(losses, labels, name, candidate, champion))
        for number, losses in archived.items()
    ]


def _blocks(
    archived: np.ndarray,
    labels: np.ndarray,
    name: Callable[[int], str],
    candidate: np.ndarray,
    champion: np.ndarray,
) -> list[ArchivedBlock]:
    unseen = np.isfinite(archived) & np.isfinite(champion)
    lines = []
    for label in np.unique(labels[unseen]):
        here = unseen & (labels == label)
        lines.append(
            ArchivedBlock(
                block=name(int(label)),
                n=int(here.sum()),
                archived=float(archived[here].mean()),
                candidate=float(candidate[here].mean()),
                champion=float(champion[here].mean()),
            )
        )
    return lines
