"""Whose tokens are believed: keys are fetched from a real server on loopback, and every forgery is refused."""

import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from millrace_core import identity_keys
from millrace_core.auth import Actor, Tokens
from millrace_core.errors import Unauthorized, Unavailable

from .fake_issuer import ISSUER, KEYS, SUBJECT, KeyServer, issuers_file, token


@pytest.fixture
def server():
    made = KeyServer()
    yield made
    made.server.shutdown()


@pytest.fixture
def known(tmp_path):
    """Tokens of the issuers with these differences from the usual one."""

    def write(*changes):
        return Tokens(None, issuers_file(tmp_path, *changes))

    return write


@pytest.fixture
def tokens(server, known):
    return known({"jwks_url": server.url})


def test_a_service_goes_by_its_roles_name_and_a_person_by_their_address(tokens):
    assert tokens.actor(token()) == Actor("serving", "serving")
    assert tokens.actor(token(sub="system:serviceaccount:team-a:ci")) == Actor("team-a/ci", "viewer")
    person = token(sub="42", groups=["ml-admins"], email="ada@example.org", email_verified=True)
    assert tokens.actor(person) == Actor("ada@example.org", "admin")


def test_a_person_is_known_by_issuer_and_subject_whatever_they_are_called(tokens):
    one = tokens.actor(token(sub="42", groups=["ml-admins"], email="ada@example.org", email_verified=True))
    two = tokens.actor(
        token(sub="42", groups=["ml-admins"], email="ada.king@example.org", email_verified=True)
    )
    other = tokens.actor(token(sub="43", groups=["ml-admins"], email="bob@example.org", email_verified=True))
    assert one.identifier == two.identifier == one.known.key == f"{ISSUER}#42"
    assert two.person == "ada.king@example.org", "the name of now is shown"
    assert one.known.is_one_of(["somebody else"], [two.identifier])
    assert not one.known.is_one_of([other.name], [other.identifier])
    account = tokens.actor(token(sub="system:serviceaccount:team-a:ci"))
    assert (account.identifier, account.known.key) == ("", "team-a/ci")


def test_a_signed_token_tells_the_pod_that_it_was_given_to(tokens):
    bound = {"kubernetes.io": {"namespace": "millrace", "pod": {"name": "serving-x", "uid": "1"}}}
    assert tokens.actor(token(**bound)).pod == "serving-x"
    assert tokens.actor(token()).pod == ""


def test_an_issuer_for_two_audiences_gives_each_its_own(known, server):
    partner = {"audience": "partner", "roles": [{"subject": SUBJECT, "role": "viewer"}]}
    tokens = known({"jwks_url": server.url}, {"jwks_url": server.url} | partner)
    assert tokens.actor(token()).role == "serving"
    assert tokens.actor(token(aud="partner")).role == "viewer"
    assert tokens.actor(token(aud=["partner", "millrace"])).role == "serving", (
        "the first that it is valid for"
    )
    assert tokens.actor(token(aud="partner", groups=["ml-admins"], sub="x")) is None
    assert tokens.actor(token(aud="kubernetes")) is None


def test_an_issuer_that_stands_twice_for_one_audience_is_refused(known, server):
    with pytest.raises(ValueError, match="stands twice for the audience millrace: put the roles"):
        known({"jwks_url": server.url}, {"jwks_url": server.url, "roles": []})


def public():
    return (
        KEYS["one"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def confused():
    """Signed with the published key as if it were a shared secret."""
    import base64
    import hashlib
    import hmac

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    claims = jwt.decode(token(), options={"verify_signature": False})
    text = part({"alg": "HS256", "kid": "one"}) + b"." + part(claims)
    made = hmac.new(public(), text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(made).rstrip(b"=")).decode()


FORGERIES = {
    "no algorithm": lambda: jwt.encode({"iss": ISSUER, "aud": "millrace", "sub": SUBJECT}, None, "none"),
    "the public key as secret": confused,
    "another issuer": lambda: token(iss="https://other.example"),
    "another audience": lambda: token(aud="kubernetes"),
    "no audience": lambda: token(without=["aud"]),
    "expired": lambda: token(exp=int(time.time()) - 60),
    "never expires": lambda: token(without=["exp"]),
    "not yet valid": lambda: token(nbf=int(time.time()) + 600),
    "a critical header nobody knows": lambda: token(headers={"crit": ["b64"], "b64": False}),
    "a key that is not published": lambda: token(sign="two", headers={"kid": "two"}),
    "a key under another's name": lambda: token(sign="two", headers={"kid": "one"}),
    "a path for a key": lambda: token(headers={"kid": "../../etc/passwd"}),
    "a subject without a role": lambda: token(sub="system:serviceaccount:millrace:default"),
    "no subject": lambda: token(without=["sub"]),
    "a changed signature": lambda: token()[:-6] + "AAAAAA",
    "rubbish": lambda: "a.b.c",
    "a number for a subject": lambda: token(groups=7, sub="x"),
}


@pytest.mark.parametrize("forgery", list(FORGERIES))
def test_a_forgery_is_nobody(tokens, forgery):
    assert tokens.actor(token()) is not None
    assert tokens.actor(FORGERIES[forgery]()) is None


def test_a_new_key_is_believed_without_a_restart_and_an_unknown_one_is_not_asked_for_at_every_request(
    tokens, server, monkeypatch
):
    assert tokens.actor(token()) is not None
    server.published = ["two"]
    new = token(sign="two", headers={"kid": "two"})
    for _ in range(20):
        assert tokens.actor(new) is None, "too early to ask again"
    assert server.asked == 1
    monkeypatch.setattr(identity_keys, "REFETCH_SECONDS", 0.0)
    assert tokens.actor(new) is not None
    assert tokens.actor(token()) is None, "the old key is withdrawn"


def test_known_keys_stay_when_the_issuer_does_not_answer(tokens, server, monkeypatch):
    assert tokens.actor(token()) is not None
    server.failing = True
    monkeypatch.setattr(identity_keys, "KEYS_SECONDS", -1.0)
    assert tokens.actor(token()) is not None


def test_an_issuer_that_withdraws_all_its_keys_is_not_away_and_says_why_its_tokens_are_refused(
    tokens, server, monkeypatch
):
    assert tokens.actor(token()) is not None
    monkeypatch.setattr(identity_keys, "KEYS_SECONDS", -1.0)
    monkeypatch.setattr(identity_keys, "REFETCH_SECONDS", 0.0)
    server.published = []
    with pytest.raises(Unauthorized, match="publishes no key for RS256 or ES256"):
        tokens.actor(token())
    server.failing = True
    with pytest.raises(Unavailable):
        tokens.actor(token())
    server.failing, server.published = False, ["one"]
    assert tokens.actor(token()) == Actor("serving", "serving")


@pytest.mark.parametrize("wrong", [{}, {"keys": "none"}, {"keys": None}, []])
def test_an_answer_that_is_no_set_of_keys_takes_none_away(tokens, server, monkeypatch, wrong):
    assert tokens.actor(token()) is not None
    monkeypatch.setattr(identity_keys, "KEYS_SECONDS", -1.0)
    monkeypatch.setattr(identity_keys, "REFETCH_SECONDS", 0.0)
    server.document = lambda path: wrong
    assert tokens.actor(token()) is not None


def test_without_keys_a_token_is_neither_good_nor_bad_and_is_tried_again(tokens, server, monkeypatch):
    server.failing = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            tokens.actor(token())
    assert server.asked == 1
    server.failing = False
    monkeypatch.setattr(identity_keys, "REFETCH_SECONDS", 0.0)
    assert tokens.actor(token()) == Actor("serving", "serving")


def test_an_issuer_that_does_not_answer_keeps_nobody_of_another_out(known, server):
    away = {"issuer": "https://127.0.0.1:1", "audience": "people"}
    tokens = known(away, {"jwks_url": server.url})
    assert tokens.actor(token()) == Actor("serving", "serving")
    with pytest.raises(Unavailable):
        tokens.actor(token(iss="https://127.0.0.1:1", aud="people"))


def test_the_cluster_tells_its_own_name_and_keys(known, server, monkeypatch, tmp_path):
    monkeypatch.setattr(identity_keys, "API_SERVER", server.root)
    (tmp_path / "bearer").write_text("of the pod")
    tokens = known({"issuer": "kubernetes", "bearer_file": str(tmp_path / "bearer")})
    assert tokens.actor(token()) == Actor("serving", "serving")
    assert tokens.actor(token(iss="https://other.example")) is None


def test_an_openid_provider_tells_where_its_keys_are(known, server):
    tokens = known({"issuer": server.root})
    assert tokens.actor(token(iss=server.root)) == Actor("serving", "serving")


@pytest.mark.parametrize(
    "claims",
    [{"preferred_username": "controller"}, {"sub": "controller"}, {"preferred_username": "team-a/ci"}],
)
def test_a_person_cannot_go_by_the_name_of_a_service(tokens, claims):
    actor = tokens.actor(token(**{"sub": "42", "groups": ["ml-admins"]} | claims))
    assert actor.name.endswith("@issuer.example")


def test_an_address_that_was_not_verified_is_nobodys_name_under_any_claim(tokens):
    """Approvals name people: whoever registers as ada@example.com must not be taken for her."""
    said = {"sub": "42", "groups": ["ml-admins"], "email": "ada@example.com", "email_verified": False}
    assert tokens.actor(token(**said)).name == "42@issuer.example"
    assert tokens.actor(token(**said, preferred_username="ada@example.com")).name == "42@issuer.example"
    assert tokens.actor(token(**said, preferred_username="ada")).name == "ada@issuer.example"
    assert tokens.actor(token(**said | {"email_verified": True})).name == "ada@example.com"


def test_an_address_of_which_it_is_not_said_that_it_was_verified_is_nobodys_name(tokens, known, server):
    """OpenID Connect leaves the claim to the provider: one that says nothing has promised nothing."""
    said = {"sub": "42", "groups": ["ml-admins"], "email": "ada@example.com"}
    assert tokens.actor(token(**said)).name == "42@issuer.example"
    assert tokens.actor(token(**said, preferred_username="ada@example.com")).name == "42@issuer.example"
    trusting = known({"jwks_url": server.url, "trust_email": True})
    assert trusting.actor(token(**said)).name == "ada@example.com"
    assert trusting.actor(token(**said, email_verified=False)).name == "42@issuer.example"
    assert trusting.actor(token(**said, email_verified="true")).name == "42@issuer.example"


def test_the_keys_are_not_followed_elsewhere(tokens, server):
    other = KeyServer()
    server.elsewhere = other.url
    with pytest.raises(Unavailable):
        tokens.actor(token())
    assert other.asked == 0
    other.server.shutdown()


@pytest.mark.parametrize(
    "url",
    ["http://192.0.2.1/jwks", "http://127.0.0.1.example/jwks", "file:///etc/passwd", "http://127.0.0.1@h/"],
)
def test_keys_come_over_https_only(known, url):
    with pytest.raises(ValueError, match="https only"):
        known({"jwks_url": url})


@pytest.mark.parametrize(
    "wrong",
    [
        {"roles": "all"},
        {"audience": ""},
        {"roles": [{"role": "admin"}]},
        {"roles": [{"claim": "g", "role": "admin"}]},
    ],
)
def test_a_file_that_cannot_be_used_stops_the_service_and_a_later_one_is_not_taken(known, server, wrong):
    with pytest.raises(ValueError, match="role"):
        known({"jwks_url": server.url} | wrong)
    tokens = known({"jwks_url": server.url})
    tokens.issuers.path.write_text(json.dumps({"issuers": [{"issuer": ISSUER} | wrong]}))
    assert tokens.actor(token()) == Actor("serving", "serving")


def test_a_changed_file_is_read_without_a_restart(known, server, tokens):
    assert tokens.actor(token(sub="new")) is None
    known({"jwks_url": server.url, "roles": [{"subject": "new", "role": "viewer"}]})
    assert tokens.actor(token(sub="new")) == Actor("new@issuer.example", "viewer")
    assert tokens.actor(token()) is None
