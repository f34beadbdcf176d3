"""The same promises on PostgreSQL."""

from .sales import monitor, table_of_day
from .test_findings import alarms


async def test_days_close_and_alarms_open_once_on_postgresql(running, settings, database):
    async with running(settings.model_copy(update={"database_url": database})) as service:
        await service.declare(monitor(service.registry.version(1, 2.0), [service.registry.version(2, 2.1)]))
        for number in range(3):
            features, sold = table_of_day(number)
            await service.rows(number, features, 2.2 * features["price"])
            await service.labels(number, sold, complete=False)
            await service.labels(number, sold + 1)
        days = await service.closed(3)
        assert [day["labelled"] for day in days] == [60] * 3
        (alarm,) = await alarms(service)
        assert (alarm["cause"], alarm["count"]) == ("quality:served", 3)
        seen = await service.call("POST", f"/v1/alarms/{alarm['id']}:acknowledge")
        assert seen["state"] == "acknowledged"
        counts = (await service.call("GET", "/v1/monitors/sales"))["counts"]
        assert (counts["labelled"], counts["logged"], counts["written"]) == (180, 180, 180)
        await service.call("DELETE", "/v1/monitors/sales", expect=204)
