"""`millrace notify`: who is told, a test that fails when nobody was reached, messages and their second chance."""

import json

from millrace_contracts.messages import ChannelRead, MessageRead, TestAnswer

CHANNEL = ChannelRead.model_validate(
    {
        "name": "team", "scope": "loop", "loop": "shop", "kind": "email", "to": "anna@shop.example", "tell": ["alarms"],
        "problem": None, "waiting": 1, "undelivered": 2, "channel": {"email": {"to": ["anna@shop.example"]}},
    }
).model_dump(mode="json", by_alias=True)  # fmt: skip
MESSAGE = MessageRead.model_validate(
    {
        "id": "0f9b6c1e-0000-4000-8000-000000000000", "loop": "shop", "channel": "team", "state": "given-up",
        "title": "shop: run 1 failed", "created_at": "2026-01-05T12:00:00Z", "next_at": None, "attempts": 1,
        "done_at": "2026-01-05T12:00:01Z", "held": None, "answer": "554 no such mail", "items": [],
    }
).model_dump(mode="json")  # fmt: skip


def answer(delivered, words):
    made = TestAnswer(channel="team", scope="loop", kind="email", delivered=delivered, answer=words)
    return made.model_dump(mode="json")


def whole(*found):
    """A list that is no page."""
    return 200, json.dumps(found).encode()


def test_channels_are_listed_for_people_and_programs(millrace, fake):
    fake.answers["GET /v1/channels"] = whole(CHANNEL)
    shown = millrace("notify", "list", "shop").stdout
    for word in ("team", "email", "anna@shop.example", "alarms", "shop"):
        assert word in shown
    (found,) = json.loads(millrace("notify", "list", "-o", "json").stdout)
    assert (found["undelivered"], found["channel"]["email"]["to"]) == (2, ["anna@shop.example"])
    fake.answers["GET /v1/channels"] = whole()
    assert "Nobody is told" in millrace("notify", "list").stderr


def test_a_test_shows_what_the_other_side_answered_and_fails_if_it_did_not_arrive(millrace, fake):
    fake.answers["POST /v1/channels:test"] = whole(answer(True, "250 taken"))
    done = millrace("notify", "test", "shop")
    assert (done.code, "250 taken" in done.stdout) == (0, True)
    fake.answers["POST /v1/channels:test"] = whole(answer(False, "535 wrong password"))
    done = millrace("notify", "test", "--channel", "team", "-o", "json")
    assert done.code != 0
    assert json.loads(done.stdout)[0]["answer"] == "535 wrong password"
    assert "needs a loop or a channel" in millrace("notify", "test").stderr


def test_messages_are_shown_and_one_that_was_given_up_is_sent_again(millrace, fake):
    fake.answers["GET /v1/messages"] = (200, {"items": [MESSAGE], "next": None})
    assert "554 no such mail" in millrace("notify", "messages", "shop", "--state", "given-up").stdout
    assert "there is no state 'lost'" in millrace("notify", "messages", "--state", "lost").stderr
    fake.answers[f"POST /v1/messages/{MESSAGE['id']}:resend"] = (200, MESSAGE | {"state": "waiting"})
    assert "It is tried again: shop: run 1 failed" in millrace("notify", "resend", MESSAGE["id"]).stdout


def test_a_channel_of_the_project_is_put_from_a_file_and_a_wrong_one_is_refused_with_its_place(
    millrace, fake, tmp_path
):
    file = tmp_path / "team.yaml"
    file.write_text("email: {to: [anna@shop.example]}\n")
    lacks = CHANNEL | {"scope": "project", "loop": None, "problem": "there is no mail server"}
    fake.answers["PUT /v1/channels/team"] = (200, lacks)
    done = millrace("notify", "put", "team", "-f", str(file))
    assert (done.code, "there is no mail server" in done.stderr) == (0, True)
    file.write_text("email: {to: [anna]}\n")
    done = millrace("notify", "put", "team", "-f", str(file))
    assert done.code != 0
    assert "email.to.0" in done.stderr
    fake.answers["DELETE /v1/channels/team"] = (204, None)
    assert "Nobody is told by team" in millrace("notify", "delete", "team").stdout
