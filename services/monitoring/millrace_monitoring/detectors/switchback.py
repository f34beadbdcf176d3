"""Has an archived version become better than the champion? One sequential test for each pair."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator, PlainSerializer

from millrace_contracts.closings import PairRead, SwitchBackProposal
from millrace_contracts.monitors import SwitchBackPolicy
from millrace_monitoring.detectors.day import JudgedDay
from millrace_stats.paired import SwitchBackTest

StoredPair = Annotated[
    SwitchBackTest,
    BeforeValidator(
        lambda stored: stored if isinstance(stored, SwitchBackTest) else SwitchBackTest.from_dict(stored)
    ),
    PlainSerializer(SwitchBackTest.to_dict),
]


@dataclass(frozen=True)
class SwitchBackState:
    """Each archived version against the champion, by its number."""

    pairs: Mapping[int, SwitchBackTest] = field(default_factory=dict)


@dataclass(frozen=True)
class SwitchBackFinding:
    """Where each pair stands, and the archived version to go back to."""

    told: Mapping[str, PairRead] = field(default_factory=dict)
    proposal: SwitchBackProposal | None = None


def start(archived: int, policy: SwitchBackPolicy, earlier: Sequence[float]) -> SwitchBackTest:
    """A new pair.

    Args:
        archived: how many archived versions are watched together.
        earlier: daily differences champion - archived on days that neither had seen, in order.
    """
    return SwitchBackTest.start(archived, policy.margin, policy.minimum_days, np.array(earlier))


def judge(day: JudgedDay, state: SwitchBackState) -> tuple[SwitchBackFinding, SwitchBackState]:
    """Take in one closed day; proposed is the version with the largest gain among those that call for a switch."""
    if day.loss is None:
        return SwitchBackFinding(_told(state.pairs)), state
    pairs = {version: deepcopy(pair) for version, pair in state.pairs.items()}
    gains = {
        version: pair.gain
        for version, pair in pairs.items()
        if version in day.losses and pair.update(day.loss.loss, day.losses[version].loss)
    }
    best = max(gains, key=lambda version: (gains[version], version), default=None)
    proposal = None
    if best is not None:
        proposal = SwitchBackProposal(version=best, evidence=pairs[best].evidence())
    return SwitchBackFinding(_told(pairs), proposal), SwitchBackState(pairs)


def _told(pairs: Mapping[int, SwitchBackTest]) -> dict[str, PairRead]:
    return {str(version): PairRead.model_validate(pair.evidence()) for version, pair in pairs.items()}
