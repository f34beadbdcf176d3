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

from millrace_contracts.bodies import Document
from millrace_contracts.signature import Signature
from millrace_stats import canary
from millrace_stats.canary import Arm
from millrace_stats.paired import non_inferior

MARGIN = 0.02
MINIMUM_DAYS = 7
EMPTY: Document = {"keys": 0, "failed_keys": 0, "slow_keys": 0, "rows": 0, "nan": 0, "constant": False}


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
    answer: Mapping[str, Any], candidate: str, stable: str, earlier: Sequence[Mapping[str, Any]] = ()
) -> Judgement:
    """Judge one step by what monitoring's `arms` told about it.

    Args:
        candidate, stable: names of the two revisions.
        earlier: `measured["arms"]` of the rollout's earlier steps.
    """
    mine = _arm(answer, candidate)
    theirs = _arm(answer, stable)
    arms = {"errors": _counts(mine, theirs, "failed_keys"), "slowness": _counts(mine, theirs, "slow_keys")}
    mirrored = _pairing(answer, candidate)
    psi = mirrored.get("psi")
    fault = canary.hard_fault(mine["rows"], mine["nan"], mine["constant"] and not theirs["constant"], psi)
    fault = fault or _unequal(arms, earlier)
    measured = {
        "rows": mine["rows"],
        "keys": mine["keys"],
        "failed_keys": mine["failed_keys"],
        "slow_keys": mine["slow_keys"],
        "mirrored_pairs": mirrored.get("pairs", 0),
        "mirrored_psi": psi,
        "log_evidence": {
            name: canary.log_evidence([*_past(earlier, name), arm]) for name, arm in arms.items()
        },
        "arms": {name: asdict(arm) for name, arm in arms.items()},
    }
    evidence = {"not_finite": mine["nan"], "constant": bool(mine["constant"]), "fault": fault is not None}
    return Judgement(fault, mine["rows"], evidence, measured, arms)


def _arm(answer: Mapping[str, Any], revision: str) -> Document:
    """A revision's counts over both listeners (a candidate is mirrored first and asked afterwards)."""
    total = dict(EMPTY)
    found = [item for item in answer.get("revisions", []) if item["revision"] == revision]
    for item in found:
        for name in ("keys", "failed_keys", "slow_keys", "rows", "nan"):
            total[name] += item.get(name) or 0
    total["constant"] = bool(found) and any(item.get("constant") for item in found)
    return total


def _counts(mine: Mapping[str, Any], theirs: Mapping[str, Any], name: str) -> Arm:
    return Arm(mine["keys"], theirs["keys"], mine[name], theirs[name])


def _pairing(answer: Mapping[str, Any], candidate: str) -> Document:
    pairings = (answer.get("mirrored") or {}).get("pairings") or []
    mine = [item for item in pairings if item["second"] == candidate]
    return max(mine, key=lambda item: item["pairs"], default={})


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


def quality(answer: Mapping[str, Any], candidate: str) -> Quality:
    """Losses on mirrored, labelled rows, clustered by day: `passed`, `failed` or `inconclusive`, and why.

    Args:
        answer: monitoring's `arms` for the mirror step; it tells each closed day's pairing.
    """
    days = (answer.get("mirrored") or {}).get("days") or []
    labelled = [day for day in days if day["second"] == candidate and day.get("first_loss") is not None]
    losses = [
        np.array([day[side] for day in labelled], dtype=float) for side in ("second_loss", "first_loss")
    ]
    rows = np.array([day["labelled"] for day in labelled], dtype=float)
    compared = non_inferior(losses[0], losses[1], rows, MARGIN, MINIMUM_DAYS)
    return Quality(compared.verdict, compared.reason, len(labelled), int(rows.sum()))


def same_tensors(stable: Signature, candidate: Signature) -> str | None:
    """None if clients of the stable signature can use the candidate's, else what differs, in words.

    A candidate may answer more than they ask for: the class, where it was only its probability.
    """
    asked, taken = ({(item.name, item.datatype) for item in one.inputs} for one in (stable, candidate))
    wanted, answered = ({(item.name, item.datatype) for item in one.outputs} for one in (stable, candidate))
    differing = sorted({name for name, _ in (asked ^ taken) | (wanted - answered)})
    return f"its signature differs in {', '.join(differing[:5])}" if differing else None
