"""`millrace tokens` of a cluster: one's own, kept by the registry; and decisions that nobody could be told."""

import json
from datetime import UTC, datetime, timedelta

import pytest

TOKEN = {
    "id": "4be1c2d0", "name": "ada@firm.example", "identifier": "https://login.example#1", "label": "nightly push",
    "grants": [{"role": "operator", "project": "shop"}, {"role": "viewer", "project": None}],
    "made_at": "2026-01-05T12:00:00Z", "ends_at": "2026-02-04T12:00:00Z", "revoked_at": None, "revoked_by": None,
}  # fmt: skip


def whole(*found):
    return 200, json.dumps(found).encode()


def test_a_token_is_made_with_a_role_and_shown_alone_on_standard_output(millrace, fake):
    fake.answers["POST /v1/tokens"] = (201, json.dumps(TOKEN | {"token": "mlp_word"}).encode())
    done = millrace(
        "tokens",
        "create",
        "--role",
        "operator",
        "--only",
        "shop",
        "--expires",
        "30d",
        "--label",
        "nightly push",
    )
    assert (done.code, done.stdout) == (0, "mlp_word\n")
    assert "ada@firm.example's, as operator in shop, viewer everywhere" in done.stderr
    assert "millrace tokens revoke 4be1c2d0" in done.stderr
    (body,) = [body for line, _, body in fake.seen if line == "POST /v1/tokens"]
    asked = json.loads(body)
    left = datetime.fromisoformat(asked.pop("until")) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left < timedelta(days=30), "to the hour, and not to the day"
    assert asked == {
        "label": "nightly push",
        "days": 30,
        "grants": [{"role": "operator", "project": "shop"}],
    }


@pytest.mark.parametrize("wrong", [[], ["--role", "owner"], ["--role", "viewer", "--expires", "900d"]])
def test_what_no_token_can_be_is_refused_before_anybody_is_asked(millrace, fake, wrong):
    done = millrace("tokens", "create", *wrong)
    assert done.code != 0
    assert not fake.seen


def test_ones_own_are_listed_and_revoked(millrace, fake):
    fake.answers["GET /v1/tokens"] = whole(TOKEN)
    fake.answers["DELETE /v1/tokens/4be1c2d0"] = (204, b"")
    shown = millrace("tokens", "list").stdout
    for word in ("4be1c2d0", "nightly push", "operator in shop"):
        assert word in shown
    assert json.loads(millrace("tokens", "list", "--everybodys", "-o", "json").stdout)[0]["id"] == "4be1c2d0"
    done = millrace("tokens", "revoke", "4be1c2d0")
    assert (done.code, "within three seconds nowhere" in done.stdout) == (0, True)


def test_decisions_that_could_be_told_to_nobody_are_listed_and_read_again(millrace, fake):
    kept = {
        "number": 7,
        "project": "default",
        "loop": "shop",
        "why": "KeyError: 'from'",
        "at": "2026-01-05T12:00:00Z",
    }
    fake.answers["GET /v1/set-aside"] = whole(kept)
    fake.answers["POST /v1/set-aside:again"] = whole()
    shown = millrace("notify", "aside").stdout
    assert "KeyError" in shown
    assert "could be told" in millrace("notify", "aside", "--again").stderr
