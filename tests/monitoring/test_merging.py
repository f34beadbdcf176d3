"""Many small segments become one, and nothing else changes."""

from datetime import timedelta

from millrace_monitoring.ingest import merging

from .gateway import export, log_record
from .sales import START, monitor, table_of_day


async def test_many_small_segments_become_one_and_the_day_is_the_same(service, settings):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, sold = table_of_day(0)
    part = {name: values[:1] for name, values in features.items()}
    for number in range(70):
        at = START + timedelta(minutes=number)
        record = log_record(f"one-{number}", part, 2 * part["price"], at)
        await service.app.state.services.reception.now.intake.offer(export([record]))
    assert await merging.merge(service.app.state.services) == 64
    blobs = [path for path in (settings.home / "monitoring" / "blobs").rglob("*") if path.is_file()]
    assert len(blobs) == 7
    label = {"value": float(sold[0]), "at": (START + timedelta(days=1)).isoformat(), "index": 0}
    body = {"labels": [label | {"request_id": f"one-{number}"} for number in range(70)]}
    await service.call(
        "POST",
        "/v1/monitors/sales/labels",
        json=body | {"complete_through": (START + timedelta(days=1)).isoformat()},
    )
    (day,) = await service.closed(1)
    assert (day["rows"], day["labelled"]) == (70, 70)
