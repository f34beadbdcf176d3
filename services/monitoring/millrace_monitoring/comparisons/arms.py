"""How each revision did in a span of event time: what a rollout is judged by."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_monitoring.comparisons import mirror
from millrace_stats.canary import MINIMUM_ROWS


def evidence(task: str, table: pa.Table, slow_ms: float) -> dict[str, Any]:
    """Counts by revision and listener, and the mirrored pairs.

    Args:
        table: the rows and requests of the span.
        slow_ms: a request that took longer is slow.
    """
    revisions = [_arm(table, *who, slow_ms) for who in sorted(_arms(table)) if who[0]]
    mirrored = [pairing.to_dict() for pairing in mirror.compare(task, table)]
    return {"revisions": revisions, "mirrored": _mirrored(mirrored)}


def _arms(table: pa.Table) -> set[tuple[str, str]]:
    return set(zip(table["revision"].to_pylist(), table["listener"].to_pylist(), strict=True))


def _arm(table: pa.Table, revision: str, listener: str, slow_ms: float) -> dict[str, Any]:
    mine = pc.and_(pc.equal(table["revision"], revision), pc.equal(table["listener"], listener))
    rows = table.filter(mine)
    requests = np.array(rows["request_id"].to_pylist(), dtype=object)
    keys = np.array([key or request for key, request in zip(rows["key"].to_pylist(), requests, strict=True)])
    failed = rows["status"].to_numpy()
    failed = (failed >= 500) | (failed == 0)
    slow = rows["duration_ms"].to_numpy() > slow_ms
    answers = rows.filter(pc.greater_equal(rows["index"], 0))["prediction"].to_numpy()
    finite = answers[np.isfinite(answers)]
    return {
        "revision": revision,
        "listener": listener,
        "requests": len(set(requests.tolist())),
        "keys": len(set(keys.tolist())),
        "failed_keys": len(set(keys[failed].tolist())),
        "slow_keys": len(set(keys[slow].tolist())),
        "rows": len(answers),
        "nan": len(answers) - len(finite),
        "constant": len(finite) >= MINIMUM_ROWS and float(np.ptp(finite)) == 0.0,
    }


def _mirrored(pairings: list[dict[str, Any]]) -> dict[str, Any]:
    """The pairing with the most rows, and all of them."""
    largest = max(pairings, key=lambda item: item["pairs"], default=None)
    summary = {"pairs": 0, "psi": None, "labelled": 0, "loss_difference": None}
    if largest is not None:
        known = largest["first_loss"] is not None
        difference = largest["second_loss"] - largest["first_loss"] if known else None
        summary = {
            "pairs": largest["pairs"],
            "psi": largest["psi"],
            "labelled": largest["labelled"],
            "loss_difference": difference,
        }
    return summary | {"pairings": pairings}
