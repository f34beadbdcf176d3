"""Who is in production: alias, monitor and loaded revisions follow the champion; every step may be repeated."""

from datetime import datetime

from millrace_contracts import durations
from millrace_contracts.endpoints import EndpointRead, RevisionRead, RevisionState
from millrace_contracts.loop import Spec
from millrace_contracts.models import AliasWrite, ModelVersionRead
from millrace_contracts.monitors import (
    ArchivedVersion,
    ChampionVersion,
    DriftPolicy,
    EstimatePolicy,
    MonitorPolicy,
    MonitorWrite,
    PerformancePolicy,
    RetentionPolicy,
    SwitchBackPolicy,
)
from millrace_contracts.release import BASE, Role
from millrace_contracts.variants import variant_of
from millrace_controller.production import promise
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
    loaded = _loaded(await services.clients.serving.endpoint(loop.name, project=loop.project))
    answers = loaded.get(champion)
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
            revision=None if answers is None else answers.name,
            variant=_variant(answers),
        ),
        archived=[_archived(await version(services, loop, n), loaded.get(n)) for n in archive],
        slices=spec.monitoring.slices,
        fairness=spec.fairness,
        policy=policy(spec),
        review=spec.review,
        weight=spec.data.weight,
        promise=await promise.of_target(services, loop),
    )
    await services.clients.monitoring.put_monitor(loop.name, monitor, project=loop.project)
    services.memory.served[loop.id] = _served(answers)


async def follow(services: Services, loop: Loop, endpoint: EndpointRead, at: datetime | None) -> None:
    """Tell monitoring when the champion answers from another revision or in another form than it was told."""
    answers = _loaded(endpoint).get(loop.champion or 0)
    told = services.memory.served.get(loop.id)
    if loop.champion is None or told is None or endpoint.stable_version != loop.champion:
        return
    if _served(answers) != told:
        await watch(services, loop, loop.champion, loop.archive, at)


def _served(revision: RevisionRead | None) -> tuple[str, str]:
    return ("", BASE) if revision is None else (revision.name, _variant(revision))


def _loaded(endpoint: EndpointRead) -> dict[int, RevisionRead]:
    """The revision of each loaded version, like `flights--r3`: the newest, or the one that has the traffic."""
    ready = [item for item in endpoint.revisions if item.state == RevisionState.READY]
    loaded = {item.version: item for item in ready}
    return loaded | {item.version: item for item in ready if item.number == endpoint.stable}


def _variant(revision: RevisionRead | None) -> str:
    """Which form of its version a revision serves."""
    return BASE if revision is None or revision.form is None else variant_of(revision.form.target)


def _archived(release: ModelVersionRead, revision: RevisionRead | None) -> ArchivedVersion:
    return ArchivedVersion(
        version=release.number,
        variant=_variant(revision),
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
        estimate=None
        if watchful.estimate is None
        else EstimatePolicy(enabled=watchful.estimate.enabled, alarm=watchful.estimate.alarm),
    )


async def version(services: Services, loop: Loop, number: int) -> ModelVersionRead:
    """A model version as the registry has it; versions never change, so it is asked once."""
    place, known = (loop.project, loop.name, number), services.memory.models
    if place not in known:
        known[place] = await services.clients.registry.version(loop.name, number, project=loop.project)
    return known[place]
