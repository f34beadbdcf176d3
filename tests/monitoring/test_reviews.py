"""The queue of reviews: what comes into it, who is shown what, what looks become, and what a day makes of it."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace_monitoring.closing.files import table_of
from millrace_monitoring.closing.rows import weights_of
from millrace_monitoring.ingest import watched
from millrace_monitoring.labels import queries as labels

from .flowers import KINDS, flower_monitor, flowers_of_day, probabilities, version
from .sales import START, monitor, table_of_day

QUEUE = "/v1/monitors/sales/reviews"
PEOPLE = {
    "ada-token": ("ada", "labeller"),
    "ben-token": ("ben", "labeller"),
    "eve-token": ("eve", "labeller"),
}


@pytest.fixture
def settings(settings):
    """Three labellers besides the usual tokens."""
    import hashlib
    import json

    file = settings.home / "run" / "tokens.json"
    told = json.loads(file.read_text())
    told["tokens"] += [
        {"name": name, "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
        for token, (name, role) in PEOPLE.items()
    ]
    file.write_text(json.dumps(told))
    return settings


def by(name):
    return {"authorization": f"Bearer {name}-token"}


async def declared(service, **review):
    await service.declare(flower_monitor(version(service.registry, 1), review=review))


async def pushed(service, number=0, rows=200):
    """A day of flowers with what the model answered; returns features, kinds and answers."""
    features, kinds = flowers_of_day(number, rows)
    answers = probabilities(features["price"])
    sent = [
        {
            "request_id": f"d{number}-{line}",
            "index": 0,
            "event_time": (START + timedelta(days=number, seconds=line)).isoformat(),
            "features": {"price": float(features["price"][line]), "shop_name": features["shop"][line]},
            "prediction": answers[line].tolist(),
            "revision": "sales--r1",
        }
        for line in range(rows)
    ]
    await service.call("POST", "/v1/monitors/sales/predictions", json={"rows": sent})
    return features, kinds, answers


async def queue(service, **query):
    return (await service.call("GET", QUEUE, params={"limit": 1000, **query}))["items"]


async def label(service, number, value, who="ada", expect=200, **more):
    body = {"value": value, **more}
    return await service.call("POST", f"{QUEUE}/{number}:label", expect, json=body, headers=by(who))


async def following(service, who="ada"):
    return await service.call("GET", f"{QUEUE}:next", headers=by(who))


async def test_all_of_low_confidence_are_in_the_queue_and_nothing_else(service):
    await declared(service, below=0.6)
    _, _, answers = await pushed(service)
    found = await queue(service)
    low = {f"d0-{line}" for line in np.flatnonzero(answers.max(axis=1) < 0.6)}
    assert {item["request_id"] for item in found} == low
    assert len(low) > 5
    assert {(item["reason"], item["probability"], item["state"]) for item in found} == {("low", 1.0, "open")}
    (one, *_) = found
    line = int(one["request_id"].split("-")[1])
    assert one["confidence"] == pytest.approx(answers[line].max(), abs=1e-6)
    assert one["answer"]["class"] == KINDS[int(answers[line].argmax())]
    assert one["features"]["shop_name"] == "north"
    assert one["choices"] == KINDS


async def test_numbers_have_the_digits_that_were_sent_and_none_that_float32_adds(service):
    """What a float32 keeps of 46.1 is 46.099998474121094; nobody measured that."""
    await declared(service, sample="100%")
    row = {
        "request_id": "one", "index": 0, "event_time": START.isoformat(), "revision": "sales--r1",
        "features": {"price": 46.1, "shop_name": "north"}, "prediction": [0.1, 0.2, 0.7],
    }  # fmt: skip
    await service.call("POST", "/v1/monitors/sales/predictions", json={"rows": [row]})
    (entry,) = await queue(service)
    assert entry["features"]["price"] == 46.1
    assert entry["answer"]["probabilities"] == {"iris": 0.1, "rose": 0.2, "tulip": 0.7}
    (kept,) = (await service.call("GET", "/v1/monitors/sales/requests/one"))["rows"]
    assert (entry["event_time"], entry["answered_at"]) == (kept["event_time"], kept["at"])
    assert entry["answered_at"] is not None
    assert (kept["features"]["price"], kept["answer"]) == (46.1, [0.1, 0.2, 0.7])


async def test_as_many_are_drawn_by_chance_as_are_asked_for_and_the_same_ones_each_time(service):
    await declared(service, sample="10%")
    await pushed(service, rows=3000)
    first = {item["request_id"] for item in await queue(service)}
    assert 300 - 4 * 17 < len(first) < 300 + 4 * 17  # 4 standard deviations of so many draws
    await service.call("DELETE", "/v1/monitors/sales", 204)
    await declared(service, sample="10%")
    service.app.state.services.reception.now.intake._recent.clear()
    await pushed(service, rows=3000)
    assert {item["request_id"] for item in await queue(service)} == first


async def test_the_most_useful_are_near_a_tie_with_the_chance_that_they_had(service):
    await declared(service, uncertain=True, sample="5%")
    _, _, answers = await pushed(service, rows=3000)
    useful = [item for item in await queue(service) if item["reason"] == "useful"]
    ordered = np.sort(answers, axis=1)
    margin = 1 - (ordered[:, -1] - ordered[:, -2])
    for item in useful:
        line = int(item["request_id"].split("-")[1])
        use = item["usefulness"]
        assert use >= margin[line] - 1e-5
        assert item["probability"] == pytest.approx(1 - 0.95 * (1 - min(1, 0.15 * use**2)))
    expected = np.minimum(1, 0.15 * margin**2).sum() * 0.95
    assert len(useful) == pytest.approx(expected, abs=4 * np.sqrt(expected))
    assert np.mean([item["usefulness"] for item in useful]) > 1.2 * margin.mean()


async def test_a_regression_is_drawn_by_chance_and_by_what_training_never_saw(service):
    await service.declare(
        monitor(service.registry.version(1, 2.0), review={"sample": "1%", "uncertain": True})
    )
    features, _ = table_of_day(0, rows=400)
    features["price"][:100] += 500
    features["shop"][:100] = "atlantis"
    await service.rows(0, features, 2 * features["price"])
    useful = [item for item in await queue(service) if item["reason"] == "useful"]
    assert {item["usefulness"] for item in useful} <= {1.0, 0.5}
    assert useful
    assert all(item["features"]["price"] > 100 for item in useful if item["usefulness"] == 1.0)
    assert useful[0]["confidence"] is None


async def test_nothing_is_chosen_unless_the_loop_asks(service):
    await service.declare(flower_monitor(version(service.registry, 1)))
    await pushed(service)
    assert await queue(service) == []


async def test_rows_are_kept_though_nothing_can_be_chosen(service, monkeypatch):
    await declared(service, below=0.6)
    monkeypatch.setattr(watched.choosing, "choose", lambda *_: 1 / 0)
    await pushed(service)
    assert (await service.call("GET", "/v1/monitors/sales"))["counts"]["logged"] == 200
    assert await queue(service) == []


async def test_what_was_drawn_by_chance_is_shown_first_and_each_is_asked_once(service):
    await declared(service, below=0.6, sample="5%")
    await pushed(service)
    counts = {item["number"]: item["reason"] for item in await queue(service)}
    seen = []
    while (entry := (await following(service))["entry"]) is not None:
        seen.append(entry["number"])
        await label(service, entry["number"], entry["answer"]["class"])
    assert sorted(seen) == sorted(counts)
    reasons = [counts[number] for number in seen]
    assert reasons == sorted(reasons, reverse=True)  # sampled before low
    assert (await following(service))["left"] == 0


async def test_two_people_at_once_are_mostly_shown_different_entries(service):
    await declared(service, below=0.9)
    await pushed(service)
    shown = [(await following(service, who))["entry"]["number"] for who in ("ada", "ben", "eve")]
    assert len(set(shown)) > 1


async def test_a_label_goes_through_the_door_of_all_labels_with_who_and_both_times(service):
    await declared(service, below=0.9)
    await pushed(service)
    entry = (await following(service))["entry"]
    at = (START + timedelta(hours=5)).isoformat()
    told = await label(service, entry["number"], "rose", at=at, note="red")
    assert (told["state"], told["label"]) == ("labelled", "rose")
    (vote,) = told["votes"]
    assert (vote["author"], vote["value"], vote["note"]) == ("ada", "rose", "red")
    (truth,) = await truths(service, entry)
    assert (truth.value, truth.author, truth.reviewed) == (1.0, "ada", True)
    assert truth.at == START + timedelta(hours=5)
    assert truth.said_at > truth.at
    later = {
        "request_id": entry["request_id"],
        "index": 0,
        "value": "iris",
        "at": (START + timedelta(hours=6)).isoformat(),
    }
    await service.call("POST", "/v1/monitors/sales/labels", json={"labels": [later]})
    (truth,) = await truths(service, entry)
    assert (truth.value, truth.author, truth.reviewed) == (0.0, "admin", False)
    await label(service, entry["number"], "tulip", at=at)
    (truth,) = await truths(service, entry)
    assert truth.value == 0.0  # known earlier: the later one holds


async def truths(service, entry):
    async with service.app.state.services.readers() as session:
        return await labels.of(session, "default", "sales", [entry["request_id"]])


async def test_who_was_wrong_says_it_again(service):
    await declared(service, below=0.9)
    await pushed(service)
    entry = (await following(service))["entry"]
    await label(service, entry["number"], "rose")
    told = await label(service, entry["number"], "iris")
    assert (told["label"], len(told["votes"])) == ("iris", 1)
    (truth,) = await truths(service, entry)
    assert truth.value == 0.0


async def test_what_is_no_class_is_refused_with_the_classes(service):
    await declared(service, below=0.9)
    await pushed(service)
    entry = (await following(service))["entry"]
    told = await label(service, entry["number"], "cactus", expect=422)
    assert "say one of iris, rose, tulip" in told.text
    await label(service, 10**9, "rose", expect=404)
    assert (await queue(service))[0]["votes"] == []


async def test_people_may_name_a_class_that_no_version_knows_where_the_classes_are_a_guess(service):
    promise = {"name": "kind", "type": "string", "allowed": KINDS, "guessed": True}
    monitored = flower_monitor(
        version(service.registry, 1), review={"below": 0.9, "labellers": 2}, promise=promise
    )
    await service.declare(monitored)
    await pushed(service)
    entry = (await following(service))["entry"]
    await label(service, entry["number"], "cactus")
    told = await label(service, entry["number"], " cactus", "ben")
    assert (told["state"], told["label"]) == ("labelled", "cactus")
    (truth,) = await truths(service, entry)
    assert (truth.name, truth.reviewed) == ("cactus", True)
    told = await label(service, entry["number"], "Rose", expect=422)
    assert "is rose in another spelling" in told.text


async def test_people_who_disagree_are_settled_by_a_third_look_or_not_at_all(service):
    await declared(service, below=0.9, labellers=2)
    await pushed(service)
    one, two = (await queue(service))[:2]
    assert (await label(service, one["number"], "rose"))["state"] == "open"
    told = await label(service, one["number"], "iris", "ben")
    assert (told["state"], told["label"]) == ("disputed", None)
    assert await truths(service, one) == []
    told = await label(service, one["number"], "iris", "eve")
    assert (told["state"], told["label"]) == ("labelled", "iris")
    (truth,) = await truths(service, one)
    assert truth.author == "ben, eve"
    for who, value in (("ada", "rose"), ("ben", "iris"), ("eve", "tulip"), ("admin", "rose")):
        told = await label(service, two["number"], value, who)
    assert told["state"] == "unresolved"  # two, one and one: nobody has more than half
    summary = await service.call("GET", f"{QUEUE}:summary")
    assert summary["agreement"]["entries"] == 2
    assert summary["agreement"]["same"] == pytest.approx(2 / 9)
    assert {item["author"]: item["labelled"] for item in summary["people"]} == {
        "ada": 2, "ben": 2, "eve": 2, "admin": 1,
    }  # fmt: skip


async def test_the_median_of_numbers_is_their_label(service):
    review = {"sample": "100%", "labellers": 3}
    await service.declare(monitor(service.registry.version(1, 2.0), review=review))
    features, _ = table_of_day(0, rows=20)
    await service.rows(0, features, 2 * features["price"])
    (entry, *_) = await queue(service)
    for who, value in (("ada", 20), ("ben", "21.5"), ("eve", 400)):
        told = await label(service, entry["number"], value, who)
    assert (told["state"], told["label"]) == ("labelled", 21.5)


async def test_what_nobody_can_tell_leaves_the_queue_without_a_label(service):
    await declared(service, below=0.9)
    await pushed(service)
    entry = (await following(service))["entry"]
    path = f"{QUEUE}/{entry['number']}:skip"
    told = await service.call("POST", path, json={"note": "blurred"}, headers=by("ada"))
    assert (told["state"], told["label"]) == ("skipped", None)
    assert (await following(service, "ben"))["entry"]["number"] != entry["number"]


async def test_labellers_label_and_viewers_look(service):
    await declared(service, below=0.9)
    await pushed(service)
    number = (await queue(service))[0]["number"]
    viewer = {"authorization": "Bearer viewer-token"}
    await service.call("GET", QUEUE, headers=viewer)
    await service.call("GET", f"{QUEUE}/{number}", headers=viewer)
    await service.call("GET", f"{QUEUE}:next", 403, headers=viewer)
    await service.call("POST", f"{QUEUE}/{number}:label", 403, json={"value": "rose"}, headers=viewer)
    await service.call("POST", f"{QUEUE}/{number}:skip", 403, json={}, headers=viewer)
    await service.call("GET", QUEUE, 401, headers={"authorization": "Bearer nobody"})


async def test_a_closed_day_is_judged_by_weights_and_its_file_keeps_them(service):
    """People look at every low one and at a tenth of the rest; the day's loss is near that of all rows."""
    review = {"below": 0.55, "sample": "20%"}
    await service.declare(flower_monitor(version(service.registry, 1), review=review, weight="counts"))
    _, kinds, answers = await pushed(service, rows=600)
    for item in await queue(service):
        line = int(item["request_id"].split("-")[1])
        at = (START + timedelta(hours=12)).isoformat()
        await label(service, item["number"], kinds[line], at=at)
    through = (START + timedelta(days=1)).isoformat()
    await service.call("POST", "/v1/monitors/sales/labels", json={"complete_through": through})
    (day,) = await service.closed(1)
    true = -np.log(answers[np.arange(600), [KINDS.index(kind) for kind in kinds]]).mean()
    told = day["reviewed"]
    assert told["labelled"] == day["labelled"] == told["chosen"]
    assert day["loss"] == pytest.approx(told["weighted"])
    assert abs(told["weighted"] - true) < 3 * told["error"]
    assert told["naive"] > told["weighted"] + told["error"]
    assert np.nansum(await kept_weights(service)) == pytest.approx(600)
    left = (await following(service))["left"]
    assert left == 0  # its day has closed
    rows = await taught(service)
    assert rows.column_names[-1] == "counts"
    assert sum(rows["counts"].to_pylist()) == pytest.approx(600)
    assert len(rows) == told["labelled"]


async def taught(service):
    """What the next version learns from."""
    answer = await service.http.get("/v1/monitors/sales/feedback")
    assert answer.status_code == 200
    return pq.read_table(pa.BufferReader(answer.content))


async def kept_weights(service):
    """How many rows each labelled one speaks for, as the day's file keeps it: what later versions are judged by."""
    async with service.app.state.services.readers() as session:
        (digest,) = await labels.files_of_days(session, "default", "sales")
    table = table_of(await service.app.state.services.store.read(digest))
    return np.where(table["label"].is_valid(), weights_of(table), np.nan)


async def test_pages_hold_every_entry_once(service):
    await declared(service, below=0.9)
    await pushed(service)
    every = [item["number"] for item in await queue(service)]
    first = await service.call("GET", QUEUE, params={"limit": 7})
    second = await service.call("GET", QUEUE, params={"limit": 1000, "cursor": first["next"]})
    assert [item["number"] for item in first["items"] + second["items"]] == every
    assert second["next"] is None
