"""Many endpoints in one call, and one endpoint's days in short: the same numbers as the closed days have in full."""

import pytest

from millrace_monitoring.glances import queries
from millrace_monitoring.short_days import KeptDays, Short

from .sales import monitor
from .test_closing import play


async def test_a_glance_and_a_course_say_what_the_closed_days_say(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    days = await play(service, range(9))
    course = await service.call("GET", "/v1/monitors/sales/course")
    assert [(item["day"], item["loss"], item["rows"]) for item in course] == [
        (item["day"], item["loss"], item["rows"]) for item in days
    ]
    assert [item["baseline"] for item in course] == [
        item["performance"].get("reference_mean") for item in days
    ]
    assert await service.call("GET", f"/v1/monitors/sales/course?since={days[7]['day']}") == course[7:]

    (glance,) = await service.call("GET", "/v1/monitors:glance?endpoints=sales,nobody")
    assert glance["losses"] == [item["loss"] for item in course]
    week = days[-7:]
    assert glance["rows"] == sum(day["rows"] for day in week)
    wanted = sum(day["loss"] * day["labelled"] for day in week) / sum(day["labelled"] for day in week)
    assert glance["loss"] == pytest.approx(wanted)
    assert (glance["alarms"], glance["logged"]) == (0, 9 * 60)
    (short,) = await service.call("GET", "/v1/monitors:glance?endpoints=sales&days=3")
    assert short["losses"] == glance["losses"][-3:]


async def test_an_endpoint_without_a_day_is_watched_all_the_same_and_strange_names_are_refused(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    (glance,) = await service.call("GET", "/v1/monitors:glance?endpoints=sales")
    assert (glance["losses"], glance["loss"], glance["rows"]) == ([], None, 0)
    for names in ("", "A", "a,,b", "a%27--", ",".join(["a"] * 201)):
        await service.call("GET", f"/v1/monitors:glance?endpoints={names}", expect=422)


async def test_a_closed_day_is_read_out_of_its_document_once_and_the_next_one_when_it_closes(
    service, monkeypatch
):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    await play(service, range(5))
    real, read = queries.recent, []

    async def counting(session, project, last, days):
        found = await real(session, project, last, days)
        read.append(len(found))
        return found

    monkeypatch.setattr(queries, "recent", counting)
    asked = "/v1/monitors:glance?endpoints=sales"
    (first,) = await service.call("GET", asked)
    assert await service.call("GET", asked) == [first]
    await play(service, range(5, 6))
    (after,) = await service.call("GET", asked)
    assert read == [5, 0, 6]
    assert after["losses"][:5] == first["losses"]
    assert len(after["losses"]) == 6


def test_what_came_in_first_makes_room():
    kept, day = KeptDays(most=3), Short(1, 1, 0.5, None)
    kept.add(dict.fromkeys(range(3), day))
    kept.add({3: day})
    assert sorted(kept.of(range(9))) == [1, 2, 3]
