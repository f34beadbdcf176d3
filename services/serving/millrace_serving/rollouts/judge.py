"""Is the candidate broken? Pure judgement of the arms that monitoring counted; quality is never guessed.

Hard faults (NaN, one constant answer, other answers to the same requests) abort at once; errors and slowness by a
test that may be looked at every second, on distinct keys. Quality needs labelled days; without them it stays
`inconclusive`, which stops nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from millrace_contracts.arms import ArmsRead, PairingRead
from millrace_contracts.bodies import Document
from millrace_contracts.signature import Signature
from millrace_stats import canary
from millrace_stats.canary import Arm
from millrace_stats.paired import non_inferior
from millrace_stats.tasks import class_text

MARGIN = 0.02
MINIMUM_DAYS = 7
NAMED = 5
"""So many classes are named in a reason."""
EMPTY = (np.array([]), np.array([]), np.array([]))
"""No day: two losses and their rows."""


@dataclass(frozen=True)
class Judgement:
    """What one look at a step found; *fault* in words, None when the step may go on."""

    fault: str | None
    rows: int
    evidence: Document
    """Facts that a replay of the same traffic reproduces."""
    measured: Document
    """Counts that depend on the machine: failures, slowness, shed mirrors."""
    arms: dict[str, Arm] = field(default_factory=dict)
    """This step's counts of `errors` and `slowness`, to be multiplied with those of later steps."""


def judge(
    arms: ArmsRead | None,
    candidate: str,
    stable: str,
    earlier: Sequence[Mapping[str, Any]] = (),
    unlike: str | None = None,
) -> Judgement:
    """Judge one step by what monitoring told about it; None: nothing watches the endpoint.

    Args:
        candidate, stable: names of the two revisions.
        earlier: `measured["arms"]` of the rollout's earlier steps.
        unlike: of `other_classes`: answers over other classes are not held against each other.
    """
    mine, theirs = _counted(arms, candidate), _counted(arms, stable)
    counts = {
        "errors": Arm(mine.keys, theirs.keys, mine.failed_keys, theirs.failed_keys),
        "slowness": Arm(mine.keys, theirs.keys, mine.slow_keys, theirs.slow_keys),
    }
    pairing = _pairing(arms, candidate)
    psi = None if pairing is None or unlike else pairing.psi
    fault = canary.hard_fault(mine.rows, mine.nan, mine.constant and not theirs.constant, psi)
    fault = fault or _unequal(counts, earlier)
    measured = {
        "rows": mine.rows,
        "keys": mine.keys,
        "failed_keys": mine.failed_keys,
        "slow_keys": mine.slow_keys,
        "mirrored_pairs": 0 if pairing is None else pairing.pairs,
        "mirrored_psi": psi,
        "log_evidence": {
            name: canary.log_evidence([*_past(earlier, name), arm]) for name, arm in counts.items()
        },
        "arms": {name: asdict(arm) for name, arm in counts.items()},
    }
    evidence = {"not_finite": mine.nan, "constant": mine.constant, "fault": fault is not None}
    return Judgement(fault, mine.rows, evidence, measured, counts)


@dataclass(frozen=True)
class Counted:
    """A revision's counts over both listeners: a candidate is mirrored first and asked afterwards."""

    keys: int
    failed_keys: int
    slow_keys: int
    rows: int
    nan: int
    constant: bool


def _counted(arms: ArmsRead | None, revision: str) -> Counted:
    mine = [arm for arm in (arms.revisions if arms else ()) if arm.revision == revision]
    return Counted(
        keys=sum(arm.keys for arm in mine),
        failed_keys=sum(arm.failed_keys for arm in mine),
        slow_keys=sum(arm.slow_keys for arm in mine),
        rows=sum(arm.rows for arm in mine),
        nan=sum(arm.nan for arm in mine),
        constant=any(arm.constant for arm in mine),
    )


def _pairing(arms: ArmsRead | None, candidate: str) -> PairingRead | None:
    """The candidate's pairing with the most rows, if it was mirrored."""
    mine = [pairing for pairing in (arms.mirrored.pairings if arms else ()) if pairing.second == candidate]
    return max(mine, key=lambda pairing: pairing.pairs, default=None)


def _past(earlier: Sequence[Mapping[str, Any]], name: str) -> list[Arm]:
    return [Arm(**step[name]) for step in earlier if name in step]


def _unequal(arms: Mapping[str, Arm], earlier: Sequence[Mapping[str, Any]]) -> str | None:
    words = {"errors": "failed", "slowness": "was too slow"}
    for name, arm in arms.items():
        steps = [*_past(earlier, name), arm]
        if canary.aborts(steps):
            odds = math.exp(min(canary.log_evidence(steps), 700.0))
            return (
                f"it {words[name]} for {arm.canary_failed} of {arm.canary_keys} keys, the stable revision for "
                f"{arm.stable_failed} of {arm.stable_keys} (evidence {odds:.3g}, limit {canary.ABORT:.0f})"
            )
    return None


@dataclass(frozen=True)
class Quality:
    """The verdict on mirrored rows with labels: `passed`, `failed` or `inconclusive`, why, and on how much."""

    verdict: str
    reason: str
    days: int
    rows: int

    def told(self) -> Document:
        """As evidence."""
        return asdict(self)


def quality(arms: ArmsRead | None, candidate: str, unlike: str | None = None) -> Quality:
    """Losses on mirrored, labelled rows, clustered by day: `passed`, `failed` or `inconclusive`, and why.

    Args:
        arms: of the mirror step; they tell each closed day's pairing.
        unlike: of `other_classes`: there is no loss in common then.
    """
    if unlike is not None:
        return Quality("inconclusive", unlike, 0, 0)
    days = [
        (day.first_loss, day.second_loss, day.labelled)
        for day in (arms.mirrored.days if arms else ())
        if day.second == candidate and day.first_loss is not None
    ]
    stable, mine, rows = (
        (np.array(column, dtype=float) for column in zip(*days, strict=True)) if days else EMPTY
    )
    compared = non_inferior(mine, stable, rows, MARGIN, MINIMUM_DAYS)
    return Quality(compared.verdict, compared.reason, len(days), int(rows.sum()))


def other_classes(stable: Signature, candidate: Signature) -> str | None:
    """None if both answer for the same classes in the same order, else why their answers cannot be compared."""
    mine, theirs = (list(map(class_text, one.classes or ())) for one in (candidate, stable))
    if mine == theirs or not (mine and theirs):
        return None
    changes = {
        "it also knows": [name for name in mine if name not in theirs],
        "it no longer knows": [name for name in theirs if name not in mine],
    }
    said = "; ".join(f"{words} {_some(names)}" for words, names in changes.items() if names)
    return (
        f"it answers for {len(mine)} classes, the stable version for {len(theirs)} "
        f"({said or 'in another order'}), so their mirrored answers cannot be compared"
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def same_tensors(stable: Signature, candidate: Signature) -> str | None:
    """None if clients of the stable signature can use the candidate's, else what differs, in words.

    A candidate may answer more than they ask for: the class, where it was only its probability.
    """
    asked, taken = (
        {(item.name, item.datatype, *item.dims) for item in one.inputs} for one in (stable, candidate)
    )
    wanted, answered = ({(item.name, item.datatype) for item in one.outputs} for one in (stable, candidate))
    differing = sorted({str(item[0]) for item in (asked ^ taken) | (wanted - answered)})
    return f"its signature differs in {', '.join(differing[:5])}" if differing else None
