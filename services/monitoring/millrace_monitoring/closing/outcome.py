"""Writes judged days: their rows in the feed, losses, comparisons, alarms and decisions, in one transaction."""

import asyncio
from collections.abc import Sequence

from millrace_contracts.closings import ClosingItem, MeanLoss
from millrace_contracts.decisions import rounded
from millrace_core.database import AsyncSession
from millrace_monitoring.alarms import opening
from millrace_monitoring.alarms.findings import Ending
from millrace_monitoring.alarms.opening import Applied, Place
from millrace_monitoring.closing import queries, sizes, states
from millrace_monitoring.closing.day import Given, Judged
from millrace_monitoring.closing.files import parquet
from millrace_monitoring.closing.judging import Shut
from millrace_monitoring.closing.reading import read
from millrace_monitoring.closing.stretch import Stretch
from millrace_monitoring.closing.versions import STORED
from millrace_monitoring.ingest import queries as ingest
from millrace_monitoring.metrics import export
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.profiles import daily
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Closing, Comparison, Loss, Monitor, Segment

AFRESH = frozenset({Ending("performance"), Ending("drift")})
"""What ends when a new champion answers: its predecessor's alarms."""


async def write(services: Services, stretch: Stretch, shut: Sequence[Shut]) -> None:
    """Close days in order, in one transaction, then forget the segments that only they needed."""
    monitor, last = stretch.monitor, shut[-1]
    digests = await _stored(services, shut)
    spent = [segment for segment in stretch.stored if segment.last_event < last.given.day.end]
    async with services.sessions.begin() as session:
        items = await told(session, monitor, shut)
        closings = [
            _closing(monitor, one.given, one.judged, item, digest)
            for one, item, digest in zip(shut, items, digests, strict=True)
        ]
        await queries.add(session, closings, monitor.closed_through, states.dump(last.judged.states))
        await queries.add_losses(session, [loss for one in shut for loss in _losses(monitor, one)])
        await queries.add_comparisons(session, [pair for one in shut for pair in _comparisons(monitor, one)])
        await ingest.remove(session, [segment.number for segment in spent])
        unneeded = await _unneeded(session, spent)
    for blob in unneeded:
        await services.store.delete(blob)
    for closing in closings:
        export(read(closing))


async def told(session: AsyncSession, monitor: Monitor, shut: Sequence[Shut]) -> list[ClosingItem]:
    """What the feed tells of days in order, with what they do to the alarms in this transaction."""
    items, unclosed = [], None
    for one in shut:
        day = one.given.day
        endings = one.judged.endings | (AFRESH if one.prepared.promoted else frozenset())
        place = Place(monitor.project, monitor.endpoint, monitor.declared.loop, day.date, day.end)
        alarms = await opening.apply(session, place, one.judged.alarms, endings, unclosed)
        items.append(_item(one.given, one.judged, alarms))
        unclosed = alarms.open
    return items


async def _stored(services: Services, shut: Sequence[Shut]) -> list[str | None]:
    """Store the rows of each day as one Parquet file; None for a day without any."""
    files = await asyncio.to_thread(lambda: [_file(one.given) for one in shut])
    return [None if file is None else str((await services.store.put(file)).digest) for file in files]


def _file(given: Given) -> bytes | None:
    if len(given.rows.table) == 0:
        return None
    return parquet(given.rows.table, given.rows.classes)


async def _unneeded(session: AsyncSession, spent: list[Segment]) -> list[str]:
    """Digests that nothing refers to any more."""
    kept = await monitors.referred(session, [segment.digest for segment in spent])
    return sorted({segment.digest for segment in spent} - kept)


def _closing(
    monitor: Monitor, given: Given, judged: Judged, item: ClosingItem, digest: str | None
) -> Closing:
    return Closing(
        project=monitor.project,
        endpoint=monitor.endpoint,
        day=given.day.date,
        through=given.day.end,
        rows=len(given.rows),
        labelled=judged.labelled,
        champion=given.versions[0].number if given.versions else None,
        item=item,
        profile=daily.dump(judged.profile) if judged.profile is not None else None,
        digest=digest,
    )


def _item(given: Given, judged: Judged, alarms: Applied) -> ClosingItem:
    """What the feed tells of the day; nothing in it depends on when it was closed."""
    champion = given.versions[0].number if given.versions else None
    loss = judged.losses.get(champion) if champion is not None else None
    item = ClosingItem(
        from_=given.day.begin,
        days=given.day.days,
        champion=champion,
        loss=None if loss is None else loss.loss,
        served=None if judged.served is None else MeanLoss(**vars(judged.served)),
        versions={str(number): MeanLoss(**vars(mean)) for number, mean in judged.losses.items()},
        unscored={str(one.number): one.broken for one in given.versions if one.broken},
        performance=judged.performance,
        pairs=dict(judged.switchback.told),
        alarms=[opening.told(alarm) for alarm in alarms.opened],
        open=[opening.told(alarm) for alarm in alarms.newest()],
        standing=sorted({finding.cause for finding in judged.alarms} | judged.standing),
        switch_back=judged.switchback.proposal,
        drift=judged.drift.told,
        quality=judged.quality,
        slices=judged.slices,
        requests=sizes.of_day(given.rows.table),
        reviewed=judged.reviewed,
        fairness=judged.fairness,
        newcomers=judged.newcomers,
    )
    return ClosingItem.model_validate(rounded(item.model_dump(mode="json", by_alias=True)))


def _losses(monitor: Monitor, shut: Shut) -> list[Loss]:
    given, judged, prepared = shut.given, shut.judged, shut.prepared
    today = {(given.day.date, number, STORED["model"]): loss for number, loss in judged.losses.items()}
    return [
        Loss(
            project=monitor.project,
            endpoint=monitor.endpoint,
            day=day,
            version=number,
            graph=graph,
            n=loss.n,
            loss=loss.loss,
        )
        for (day, number, graph), loss in (prepared.earlier | today).items()
    ]


def _comparisons(monitor: Monitor, shut: Shut) -> list[Comparison]:
    given, judged = shut.given, shut.judged
    if not given.versions:
        return []
    champion = given.versions[0].number
    mine = judged.losses.get(champion)
    compared = [("mirrored", item.first, item.second, item.model_dump()) for item in judged.pairings]
    for number, loss in judged.losses.items():
        if mine is not None and number != champion:
            item = {
                "n": loss.n,
                "champion": mine.loss,
                "archived": loss.loss,
                "difference": mine.loss - loss.loss,
            }
            compared.append(("archived", str(champion), str(number), item))
    where = {"project": monitor.project, "endpoint": monitor.endpoint, "day": given.day.date}
    return [
        Comparison(**where, kind=kind, first=first, second=second, item=rounded(item))
        for kind, first, second, item in compared
    ]
