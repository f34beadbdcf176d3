"""The commands for keys: the key alone on stdout, once; times as people write them; refusals that say what to do."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from millrace.laptop.platform import ORDER, Platform

from . import examples

KEY = {
    "project": "default", "name": "web", "state": "valid", "endpoints": ["shop"], "expires_at": None,
    "requests_per_second": None, "max_body_bytes": None, "made_at": examples.NOW, "made_by": "user:user",
    "revoked_at": None, "revoked_by": None,
}  # fmt: skip
MADE = KEY | {"key": "mrk_" + "a" * 40}


def said(fake):
    """The body of the last request."""
    return json.loads(fake.seen[-1][2])


def test_create_prints_the_key_alone_so_that_a_script_can_take_it(millrace, fake):
    fake.answers["POST /v1/keys"] = (201, MADE)
    done = millrace("keys", "create", "web", "--endpoint", "shop", "--per-second", 5, "--max-body-bytes", 100)
    assert (done.code, done.stdout) == (0, MADE["key"] + "\n")
    assert "not shown again" in done.stderr
    assert said(fake) == {
        "name": "web", "endpoints": ["shop"], "expires_at": None, "requests_per_second": 5, "max_body_bytes": 100,
    }  # fmt: skip
    shown = millrace("keys", "create", "web", "-o", "json")
    assert json.loads(shown.stdout) == MADE


@pytest.mark.parametrize(("text", "days"), [("30d", 30), ("48h", 2), ("2w", 14)])
def test_an_end_may_be_a_span(millrace, fake, text, days):
    fake.answers["POST /v1/keys"] = (201, MADE)
    assert millrace("keys", "create", "web", "--expires", text).code == 0
    ends = datetime.fromisoformat(said(fake)["expires_at"])
    assert abs(ends - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=1)


def test_an_end_may_be_a_time_and_what_is_neither_is_refused_with_what_to_write(millrace, fake):
    fake.answers["POST /v1/keys/web:expire"] = (200, KEY | {"expires_at": "2100-01-31T00:00:00Z"})
    done = millrace("keys", "expire", "web", "--at", "2100-01-31")
    assert "ends on 2100-01-31 00:00 UTC" in done.stdout
    assert said(fake) == {"at": "2100-01-31T00:00:00Z"}
    wrong = millrace("keys", "expire", "web", "--at", "soon")
    assert wrong.code == 1
    assert "Write it like 30d, 12h, 4w" in wrong.stderr


def test_list_shows_who_made_each_and_never_a_key(millrace, fake):
    ended = KEY | {"name": "old", "state": "revoked", "endpoints": [], "revoked_by": "user:ada"}
    fake.answers["GET /v1/keys"] = (200, [KEY, ended])
    done = millrace("keys", "list")
    for word in ("web", "valid", "shop", "user:user", "old", "revoked", "all of the project", "user:ada"):
        assert word in done.stdout
    assert [item["name"] for item in json.loads(millrace("keys", "list", "-o", "json").stdout)] == [
        "web",
        "old",
    ]
    fake.answers["GET /v1/keys"] = (200, [])
    assert "millrace keys create" in millrace("keys", "list").stderr


def test_revoke_says_so_and_what_serving_cannot_do_yet_is_told(millrace, fake):
    fake.answers["POST /v1/keys/web:revoke"] = (200, KEY | {"state": "revoked"})
    assert "let in no more" in millrace("keys", "revoke", "web").stdout
    none = {"title": "Not found", "status": 404, "detail": "There is no key nobody in the project default."}
    fake.answers["POST /v1/keys/nobody:revoke"] = (404, none)
    done = millrace("keys", "revoke", "nobody")
    assert done.code != 0
    assert "There is no key nobody" in done.stderr


def test_a_name_that_is_none_is_refused_before_anything_is_asked(millrace, fake):
    done = millrace("keys", "create", "Not A Name")
    assert done.code != 0
    assert "name" in done.stderr
    assert fake.seen == []


@pytest.mark.parametrize(("protect", "public"), [(False, "true"), (True, "false")])
def test_a_laptop_is_open_unless_it_is_to_be_protected(tmp_path, protect, public):
    platform = Platform(tmp_path, protect=protect)
    platform.secrets = dict.fromkeys((*ORDER, "gateway"), "x")
    platform.ports = dict.fromkeys(
        (*ORDER, "otlp", "gateway", "shadow", "envoy_admin", "triton", "triton_metrics"), 1
    )
    assert platform._service("serving").environment["MILLRACE_GATEWAY_PUBLIC"] == public
