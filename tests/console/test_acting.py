"""What a person does in the console is asked of the service whole, and its page says what came of it."""

import json

import pytest
from tests.console.behind import page
from tests.sdk import examples

LOOP = "/p/default/loops/shop"


def asked(behind, key):
    """The one request of that method and path, as its JSON."""
    (body,) = [body for name, _, body in behind.seen if name == key]
    return json.loads(body) if body else None


async def test_an_alarm_is_acknowledged(signed, person, behind):
    behind.answers |= {
        "GET /v1/alarms": page(examples.alarm(id="a-7")),
        "POST /v1/alarms/a-7:acknowledge": examples.alarm(
            id="a-7", state="acknowledged", acknowledged_by="ada"
        ),
        "GET /v1/channels": [],
    }
    text = (await signed.get("/p/default/alarms")).text
    assert 'action="/p/default/alarms/a-7/acknowledge"' in text
    done = await signed.post("/p/default/alarms/a-7/acknowledge", data={"csrf": person.csrf})
    assert (done.status_code, done.headers["location"]) == (303, "/p/default/alarms#a-7")
    assert asked(behind, "POST /v1/alarms/a-7:acknowledge") is None
    behind.answers["GET /v1/alarms"] = page(
        examples.alarm(id="a-7", state="acknowledged", acknowledged_by="ada")
    )
    text = (await signed.get("/p/default/alarms")).text
    assert "ada" in text
    assert "/acknowledge" not in text


async def test_a_loop_goes_back_to_the_version_that_was_chosen_with_the_reason(signed, person, behind):
    behind.answers |= {
        "GET /v1/loops/shop": examples.loop(champion=3, archive=[1, 2]),
        "POST /v1/loops/shop:rollback": examples.loop(champion=1),
    }
    form = (await signed.get(f"{LOOP}/do/rollback")).text
    assert "Go back to an earlier version?" in form
    assert 'value="1"' in form
    given = {"csrf": person.csrf, "key": "k1", "to": "1", "reason": "it was better"}
    done = await signed.post(f"{LOOP}/do/rollback", data=given)
    assert (done.status_code, done.headers["location"]) == (303, LOOP)
    assert asked(behind, "POST /v1/loops/shop:rollback") == {"to": 1, "reason": "it was better", "key": "k1"}


@pytest.mark.parametrize("what", ["pause", "resume"])
async def test_a_loop_is_paused_and_resumed_in_the_persons_own_name(signed, person, behind, what):
    """The controller writes the decision's author from the token: the console sends nobody's but the person's."""
    behind.answers |= {
        "GET /v1/loops/shop": examples.loop(),
        f"POST /v1/loops/shop:{what}": examples.loop(state="paused" if what == "pause" else "active"),
    }
    done = await signed.post(f"{LOOP}/do/{what}", data={"csrf": person.csrf, "key": "k1"})
    assert done.status_code == 303
    assert asked(behind, f"POST /v1/loops/shop:{what}") is None
    assert behind.tokens == {"Bearer a-token"}
