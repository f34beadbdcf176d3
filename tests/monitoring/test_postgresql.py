"""The same promises on PostgreSQL."""

import asyncio

from millrace_monitoring.notices import queries

from .others import listening
from .sales import monitor, table_of_day
from .telling import alarm, closed
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
        (found,) = await alarms(service)
        assert (found["cause"], found["count"]) == ("quality:served", 3)
        seen = await service.call("POST", f"/v1/alarms/{found['id']}:acknowledge")
        assert seen["state"] == "acknowledged"
        counts = (await service.call("GET", "/v1/monitors/sales"))["counts"]
        assert (counts["labelled"], counts["logged"], counts["written"]) == (180, 180, 180)
        await service.call("DELETE", "/v1/monitors/sales", expect=204)


async def test_many_who_put_the_same_channel_and_subscription_at_once_all_succeed_on_postgresql(
    desk, database
):
    def hook(number):
        return {"webhook": {"url": f"https://ops{number}.example/in"}}

    async with desk(database_url=database) as told:
        put = told.service.http.put
        for _ in range(3):
            channels = [put("/v1/channels/ops", json=hook(number)) for number in range(4)]
            whose = [{"notify": {"channels": [{"name": "own"} | hook(number)]}} for number in range(4)]
            subscriptions = [put("/v1/subscriptions/sales", json=body) for body in whose]
            answers = await asyncio.gather(*channels, *subscriptions)
            assert [answer.status_code for answer in answers] == [200] * 4 + [204] * 4
        assert len(await told.service.call("GET", "/v1/channels")) == 2


async def test_people_are_told_once_and_held_back_on_postgresql(desk, database, clock):
    async with listening((503, "", {}), (204, "", {})) as ops, desk(database_url=database) as told:
        await told.subscribe({"name": "ops", "webhook": {"url": ops.url}}, group="1m")
        await told.happens(
            alarm("drift:a"), alarm("drift:b"), alarm("drift:b", opened=False), closed(1, "failed")
        )
        for _ in range(3):
            clock.pass_by(minutes=1)
            await told.send()
        await told.happens(alarm("drift:a", opened=False), closed(2, "promoted"))
        async with told.services.sessions.begin() as session:
            await queries.forget(session, clock())
        clock.pass_by(minutes=1)
        await told.send()
        states = [message["state"] for message in await told.messages()]
    assert states == ["sent", "sent"]
    assert [len(body["items"]) for body in ops.bodies] == [3, 3, 2]
    assert ops.bodies[0] == ops.bodies[1]
