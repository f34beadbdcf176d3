"""Who is in production: alias, monitor and loaded revisions follow the champion; every step may be repeated."""

from datetime import datetime

from millrace_contracts import durations
from millrace_contracts.endpoints import RevisionState
from millrace_contracts.loop import Spec
from millrace_contracts.models import AliasWrite, ModelVersionRead
from millrace_contracts.monitors import (
    ArchivedVersion,
    ChampionVersion,
    DriftPolicy,
    MonitorPolicy,
    MonitorWrite,
    PerformancePolicy,
    RetentionPolicy,
    SwitchBackPolicy,
)
from millrace_contracts.release import Role
from millrace_controller.services import Services
from millrace_controller.tables import Loop

CHAMPION = "champion"
WATCHED: tuple[Role, ...] = ("model", "holdout", "baseline")
"""Files of a version that a monitor needs."""


def archived(loop: Loop, new: int) -> list[int]:
    """The archive once *new* is champion: the old champion joins it, the oldest leave it."""
    kept = [version for version in loop.archive if version != new]
    if loop.champion is not None and loop.champion != new:
        kept = [version for version in kept if version != loop.champion] + [loop.champion]
    most = loop.spec.monitoring.retention.archived
    return kept[len(kept) - most :] if len(kept) > most else kept


async def install(
    services: Services, loop: Loop, new: int, at: datetime | None, reason: str, decision: str | None
) -> list[int]:
    """Make *new* the champion everywhere; returns the new archive. Serving already routes to it.

    Raises: ApiError 409 if somebody else moved the alias.
    """
    archive, project = archived(loop, new), loop.project
    move = AliasWrite(version=new, expected=loop.champion, event_time=at, decision=decision, reason=reason)
    await services.clients.registry.move_alias(loop.name, CHAMPION, move, project=project)
    await watch(services, loop, new, archive, at)
    await services.clients.serving.retain(loop.name, archive, project=project)
    return archive


async def watch(
    services: Services, loop: Loop, champion: int, archive: list[int], at: datetime | None
) -> None:
    """Tell monitoring who answers and who could come back."""
    spec, mine = loop.spec, await version(services, loop, champion)
    monitor = MonitorWrite(
        loop=loop.name,
        mode="backtest" if loop.mode == "backtest" else "live",
        task=spec.task,
        target=spec.target,
        event_time=spec.data.event_time,
        timezone=spec.data.timezone,
        label_delay_seconds=durations.parse(spec.data.label_delay).total_seconds(),
        signature=mine.signature,
        champion=ChampionVersion(
            version=mine.number,
            files=mine.files.only(WATCHED),
            trained_through=mine.lineage.trained_through,
            classes=mine.signature.classes,
            effective_from=at,
            revision=await _revision(services, loop, champion),
        ),
        archived=[_archived(await version(services, loop, number)) for number in archive],
        slices=spec.monitoring.slices,
        policy=policy(spec),
    )
    await services.clients.monitoring.put_monitor(loop.name, monitor, project=loop.project)


async def _revision(services: Services, loop: Loop, version: int) -> str | None:
    """Name of the revision that serves a version, like `flights--r3`; None if none is loaded."""
    endpoint = await services.clients.serving.endpoint(loop.name, project=loop.project)
    ready = [
        item.name
        for item in endpoint.revisions
        if item.version == version and item.state == RevisionState.READY
    ]
    return ready[-1] if ready else None


def _archived(release: ModelVersionRead) -> ArchivedVersion:
    return ArchivedVersion(
        version=release.number,
        files=release.files.only(WATCHED),
        trained_through=release.lineage.trained_through,
        classes=release.signature.classes,
    )


def policy(spec: Spec) -> MonitorPolicy:
    """Monitoring's policy from the loop's spec."""
    back, watchful = spec.switch_back, spec.monitoring
    return MonitorPolicy(
        performance=PerformancePolicy(false_alarms_per_year=watchful.performance.false_alarms_per_year),
        drift=DriftPolicy(psi=watchful.drift.psi, window_days=durations.whole_days(watchful.drift.window)),
        switch_back=SwitchBackPolicy(
            margin=back.margin,
            minimum_days=back.minimum_days,
            candidates=back.candidates if back.enabled else 0,
        ),
        retention=RetentionPolicy(logs_days=durations.whole_days(watchful.retention.logs)),
    )


async def version(services: Services, loop: Loop, number: int) -> ModelVersionRead:
    """A model version as the registry has it; versions never change, so it is asked once."""
    place, known = (loop.project, loop.name, number), services.memory.models
    if place not in known:
        known[place] = await services.clients.registry.version(loop.name, number, project=loop.project)
    return known[place]
