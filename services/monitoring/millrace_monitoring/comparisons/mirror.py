"""Two revisions on the same requests: the mirrored rows of one span, paired by (request id, index)."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.arms import PairingRead
from millrace_monitoring.ingest.answers import Answers, answered
from millrace_stats import tasks
from millrace_stats.canary import answers_psi, categories_psi

PAIR = ["request_id", "index"]


def pairs(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Rows answered by the stable side, and line by line their mirrored answers, in one fixed order."""
    rows = answered(table)
    rows = rows.append_column("line", pa.array(np.arange(len(rows))))
    sides = [rows.filter(pc.equal(rows["listener"], name)) for name in ("inference", "shadow")]
    stable, shadow = (side.select([*PAIR, "revision", "line"]) for side in sides)
    joined = stable.join(shadow, PAIR, join_type="inner", right_suffix="_shadow", use_threads=False)
    joined = joined.sort_by([(name, "ascending") for name in (*PAIR, "revision", "revision_shadow")])
    return rows.take(joined["line"]), rows.take(joined["line_shadow"])


def compare(answers: Answers, table: pa.Table) -> list[PairingRead]:
    """One pairing for each two revisions that answered the same rows in *table*."""
    if not pc.any(pc.equal(table["listener"], "shadow")).as_py():
        return []
    stable, shadow = pairs(table)
    if len(stable) == 0:
        return []
    names = list(zip(stable["revision"].to_pylist(), shadow["revision"].to_pylist(), strict=True))
    first, second = answers.of_table(stable), answers.of_table(shadow)
    known = "label" in stable.column_names
    labels = stable["label"].to_numpy().astype(np.float64) if known else np.full(len(first), np.nan)
    pairings = []
    for one, other in sorted(set(names)):
        mine = np.array([pair == (one, other) for pair in names])
        pairings.append(_pairing(answers, one, other, first[mine], second[mine], labels[mine]))
    return pairings


def _pairing(
    answers: Answers, one: str, other: str, first: np.ndarray, second: np.ndarray, labels: np.ndarray
) -> PairingRead:
    known = answers.task.known(first) & answers.task.known(second)
    mine, theirs = (answers.task.losses(labels, side) for side in (first, second))
    both = np.isfinite(mine) & np.isfinite(theirs)
    means = [float(np.mean(side[both])) if both.any() else None for side in (mine, theirs)]
    psi = _psi(answers, first[known], second[known])
    return PairingRead(
        first=one,
        second=other,
        pairs=len(first),
        psi=psi,
        labelled=int(both.sum()),
        first_loss=means[0],
        second_loss=means[1],
    )


def _psi(answers: Answers, stable: np.ndarray, shadow: np.ndarray) -> float | None:
    """The largest PSI of what the answers are reduced to; None for too few rows."""
    one, other = (answers.task.reduced(side, answers.classes) for side in (stable, shadow))
    parts = [_psi_of(one[name], other[name]) for name in one]
    return max((part for part in parts if part is not None), default=None)


def _psi_of(stable: tasks.Reduced, shadow: tasks.Reduced) -> float | None:
    psi = answers_psi if stable.kind == "number" else categories_psi
    return psi(shadow.values, stable.values)
