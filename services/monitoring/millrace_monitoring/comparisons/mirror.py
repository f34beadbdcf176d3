"""Two revisions on the same requests: the mirrored rows of one span, paired by (request id, index)."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_monitoring.performance import losses
from millrace_stats.canary import answers_psi

PAIR = ["request_id", "index"]


@dataclass(frozen=True)
class Pairing:
    """What the mirrored rows of one day say; losses are means over the pairs with a label."""

    first: str
    second: str
    pairs: int
    psi: float | None
    labelled: int
    first_loss: float | None
    second_loss: float | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def pairs(table: pa.Table) -> pa.Table:
    """Rows answered by the stable side joined with their mirrored answers.

    Returns: request_id, index, revision, prediction, and the same of the shadow as *_shadow*; label where known.
    """
    columns = [*PAIR, "revision", "prediction"] + (["label"] if "label" in table.column_names else [])
    rows = table.filter(pc.greater_equal(table["index"], 0))
    answered = rows.filter(pc.equal(rows["listener"], "inference")).select(columns)
    shadow = rows.filter(pc.equal(rows["listener"], "shadow")).select([*PAIR, "revision", "prediction"])
    joined = answered.join(shadow, PAIR, join_type="inner", right_suffix="_shadow", use_threads=False)
    return joined.sort_by([(name, "ascending") for name in (*PAIR, "revision", "revision_shadow")])


def compare(task: str, table: pa.Table) -> list[Pairing]:
    """One Pairing for each two revisions that answered the same rows in *table*."""
    joined = pairs(table)
    if len(joined) == 0:
        return []
    names = list(zip(joined["revision"].to_pylist(), joined["revision_shadow"].to_pylist(), strict=True))
    first, second = (_numbers(joined[name]) for name in ("prediction", "prediction_shadow"))
    labels = _numbers(joined["label"]) if "label" in joined.column_names else np.full(len(first), np.nan)
    found = []
    for one, other in sorted(set(names)):
        mine = np.array([pair == (one, other) for pair in names])
        found.append(_pairing(task, one, other, first[mine], second[mine], labels[mine]))
    return found


def _pairing(
    task: str, one: str, other: str, first: np.ndarray, second: np.ndarray, labels: np.ndarray
) -> Pairing:
    finite = np.isfinite(first) & np.isfinite(second)
    mine, theirs = (losses.of_rows(task, side, labels) for side in (first, second))
    both = np.isfinite(mine) & np.isfinite(theirs)
    means = (float(np.mean(side[both])) if both.any() else None for side in (mine, theirs))
    psi = answers_psi(second[finite], first[finite])
    return Pairing(one, other, len(first), psi, int(both.sum()), *means)


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    return column.to_numpy().astype(np.float64)
