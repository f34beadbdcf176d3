"""How each revision did in a span of event time: what a rollout is judged by."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.arms import ArmRead, MirroredRead, PairedDay, PairingRead
from millrace_monitoring.comparisons import mirror
from millrace_monitoring.ingest.answers import Answers, answered
from millrace_stats.canary import MINIMUM_ROWS


def revisions(answers: Answers, table: pa.Table, slow_ms: float) -> list[ArmRead]:
    """Counts by revision and listener.

    Args:
        table: the rows and requests of the span.
        slow_ms: a request that took longer is slow.
    """
    return [_arm(answers, table, *who, slow_ms) for who in sorted(_arms(table)) if who[0]]


def mirrored(answers: Answers, table: pa.Table, days: Sequence[PairedDay]) -> MirroredRead:
    """The mirrored pairs of the span. *days*: those of its closed days, which have labels."""
    pairings = mirror.compare(answers, table)
    largest = max(pairings, key=lambda item: item.pairs, default=None)
    told = MirroredRead(
        pairings=pairings, labelled_days=sum(bool(day.labelled) for day in days), days=list(days)
    )
    if largest is None:
        return told
    summary = {"pairs": largest.pairs, "psi": largest.psi, "labelled": largest.labelled}
    return told.model_copy(update=summary | {"loss_difference": _difference(largest)})


def _difference(pairing: PairingRead) -> float | None:
    if pairing.first_loss is None or pairing.second_loss is None:
        return None
    return pairing.second_loss - pairing.first_loss


def _arms(table: pa.Table) -> set[tuple[str, str]]:
    return set(zip(table["revision"].to_pylist(), table["listener"].to_pylist(), strict=True))


def _arm(answers: Answers, table: pa.Table, revision: str, listener: str, slow_ms: float) -> ArmRead:
    mine = pc.and_(pc.equal(table["revision"], revision), pc.equal(table["listener"], listener))
    rows = table.filter(mine)
    requests = np.array(rows["request_id"].to_pylist(), dtype=object)
    keys = np.array([key or request for key, request in zip(rows["key"].to_pylist(), requests, strict=True)])
    status = rows["status"].to_numpy()
    failed, refused = (status >= 500) | (status == 0), (status >= 400) & (status < 500)
    slow = rows["duration_ms"].to_numpy() > slow_ms
    given = answers.as_answered(answered(rows))
    finite = given[answers.task.known(given)]
    return ArmRead(
        revision=revision,
        listener=listener,
        requests=len(set(requests.tolist())),
        keys=len(set(keys.tolist())),
        failed_keys=len(set(keys[failed].tolist())),
        refused=len(set(requests[refused].tolist())),
        slow_keys=len(set(keys[slow].tolist())),
        rows=len(given),
        nan=len(given) - len(finite),
        constant=len(finite) >= MINIMUM_ROWS and bool(np.all(np.ptp(finite, axis=0) == 0.0)),
    )
