"""Writes a judged day: its row in the feed, losses, comparisons, alarms and decisions, in one transaction."""

from typing import Any

from millrace.decisions import rounded
from millrace_core.database import AsyncSession
from millrace_monitoring.alarms import opening
from millrace_monitoring.alarms.opening import Place
from millrace_monitoring.closing import queries
from millrace_monitoring.closing.day import Found, Given
from millrace_monitoring.closing.preparing import Prepared
from millrace_monitoring.closing.versions import MODEL
from millrace_monitoring.comparisons import switchback
from millrace_monitoring.ingest import queries as ingest
from millrace_monitoring.metrics import export
from millrace_monitoring.profiles import daily
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Closing, Comparison, Loss, Monitor, Segment
from millrace_monitoring.webhooks.queries import announce


async def write(
    services: Services,
    given: Given,
    found: Found,
    monitor: Monitor,
    prepared: Prepared,
    stored: list[Segment],
    digest: str | None,
) -> None:
    """Close the day, then forget the segments that only it needed."""
    over = found.over | ({"performance", "drift"} if prepared.promoted else set())
    spent = [segment for segment in stored if segment.last_event < given.day.end]
    day = given.day
    place = Place(monitor.project, monitor.endpoint, monitor.spec["loop"], day.date, day.end)
    async with services.sessions.begin() as session:
        opened = await opening.apply(session, place, found.signs, over)
        item = _item(given, found, [opening.message(alarm) for alarm in opened])
        closing = _closing(monitor, given, found, item, digest)
        await queries.add(session, closing, monitor.closed_through, found.state)
        await queries.add_losses(session, _losses(monitor, given, found, prepared))
        await queries.add_comparisons(session, _comparisons(monitor, given, found))
        if found.switch_back is not None:
            body = {
                "endpoint": monitor.endpoint,
                "day": day.date.isoformat(),
                "switch_back": item["switch_back"],
            }
            await announce(session, monitor.project, "switch-back", day.date.isoformat(), body)
        await ingest.remove(session, [segment.number for segment in spent])
        unneeded = await _unneeded(session, spent)
    for blob in unneeded:
        await services.store.delete(blob)
    export(monitor.endpoint, item)


async def _unneeded(session: AsyncSession, spent: list[Segment]) -> list[str]:
    """Digests that nothing refers to any more."""
    kept = await ingest.referred(session, [segment.digest for segment in spent])
    return sorted({segment.digest for segment in spent} - kept)


def _closing(
    monitor: Monitor, given: Given, found: Found, item: dict[str, Any], digest: str | None
) -> Closing:
    return Closing(
        project=monitor.project,
        endpoint=monitor.endpoint,
        day=given.day.date,
        through=given.day.end,
        rows=len(given.rows),
        labelled=found.labelled,
        champion=given.versions[0].number if given.versions else None,
        item=item,
        profile=daily.dump(found.profile) if found.profile is not None else None,
        digest=digest,
    )


def _item(given: Given, found: Found, alarms: list[dict[str, Any]]) -> dict[str, Any]:
    """What the feed tells of the day; nothing in it depends on when it was closed."""
    champion = given.versions[0].number if given.versions else None
    loss = found.losses.get(champion) if champion is not None else None
    back = found.switch_back
    item = {
        "from": given.day.begin.isoformat(),
        "champion": champion,
        "loss": None if loss is None else loss.loss,
        "served": None if found.served is None else vars(found.served),
        "versions": {str(number): vars(day) for number, day in found.losses.items()},
        "unscored": {str(one.number): one.broken for one in given.versions if one.broken},
        "performance": found.performance,
        "pairs": switchback.evidence(found.state.get("pairs", {})) if len(given.rows) else {},
        "alarms": alarms,
        "standing": sorted({sign.cause for sign in found.signs}),
        "switch_back": None if back is None else {"version": back.version, "evidence": back.evidence},
        "drift": found.drift,
        "quality": found.quality,
    }
    return dict(rounded(item))


def _losses(monitor: Monitor, given: Given, found: Found, prepared: Prepared) -> list[Loss]:
    today = {(given.day.date, number, MODEL): loss for number, loss in found.losses.items()}
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


def _comparisons(monitor: Monitor, given: Given, found: Found) -> list[Comparison]:
    if not given.versions:
        return []
    champion = given.versions[0].number
    mine = found.losses.get(champion)
    made = [("mirrored", item.first, item.second, item.to_dict()) for item in found.pairings]
    for number, loss in found.losses.items():
        if mine is not None and number != champion:
            item = {
                "n": loss.n,
                "champion": mine.loss,
                "archived": loss.loss,
                "difference": mine.loss - loss.loss,
            }
            made.append(("archived", str(champion), str(number), item))
    where = {"project": monitor.project, "endpoint": monitor.endpoint, "day": given.day.date}
    return [
        Comparison(**where, kind=kind, first=first, second=second, item=rounded(item))
        for kind, first, second, item in made
    ]
