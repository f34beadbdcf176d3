"""Whose tokens are believed: keys are fetched from a real server on loopback, and every forgery is refused."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from millrace_core import identity
from millrace_core.auth import Actor, Tokens

SUBJECT = "system:serviceaccount:millrace:millrace-serving"
ISSUER = "https://issuer.example"


def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


KEYS = {"one": key(), "two": key()}


class KeyServer:
    """Publishes some of KEYS; counts how often it is asked."""

    def __init__(self):
        outer = self
        self.published, self.asked, self.failing = ["one"], 0, False

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                body = json.dumps({"keys": [outer.jwk(name) for name in outer.published]}).encode()
                self.send_response(500 if outer.failing else 200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"

    @staticmethod
    def jwk(name):
        made = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEYS[name].public_key()))
        return made | {"kid": name, "use": "sig", "alg": "RS256"}


@pytest.fixture
def server():
    made = KeyServer()
    yield made
    made.server.shutdown()


@pytest.fixture
def tokens(server, tmp_path):
    roles = [{"subject": SUBJECT, "role": "serving"}, {"claim": "groups", "value": "ml-admins", "role": "admin"},
             {"subject": "system:serviceaccount:team-a:ci", "role": "viewer"}]  # fmt: skip
    entry = {"issuer": ISSUER, "audience": "millrace", "jwks_url": server.url, "roles": roles}
    path = tmp_path / "issuers.json"
    path.write_text(json.dumps({"issuers": [entry]}))
    return Tokens(None, path)


def token(sign="one", algorithm="RS256", headers=None, without=(), **claims):
    now = int(time.time())
    body = {
        "iss": ISSUER,
        "aud": "millrace",
        "sub": SUBJECT,
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    } | claims
    for name in without:
        del body[name]
    secret = KEYS[sign] if algorithm == "RS256" else sign
    return jwt.encode(body, secret, algorithm, headers={"kid": "one"} | (headers or {}))


def test_a_service_goes_by_its_roles_name_and_a_person_by_their_address(tokens):
    assert tokens.actor(token()) == Actor("serving", "serving")
    assert tokens.actor(token(sub="system:serviceaccount:team-a:ci")) == Actor("team-a/ci", "viewer")
    person = token(sub="42", groups=["ml-admins"], email="ada@example.org")
    assert tokens.actor(person) == Actor("ada@example.org", "admin")


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
    monkeypatch.setattr(identity, "REFETCH_SECONDS", 0.0)
    assert tokens.actor(new) is not None
    assert tokens.actor(token()) is None, "the old key is withdrawn"


def test_known_keys_stay_when_the_issuer_does_not_answer(tokens, server, monkeypatch):
    assert tokens.actor(token()) is not None
    server.failing = True
    monkeypatch.setattr(identity, "KEYS_SECONDS", -1.0)
    assert tokens.actor(token()) is not None


def test_keys_are_not_fetched_in_clear_from_elsewhere(tmp_path):
    entry = {"issuer": ISSUER, "audience": "millrace", "jwks_url": "http://192.0.2.1/jwks", "roles": []}
    with pytest.raises(ValueError, match="https only"):
        identity.Issuer.read(entry)._get(entry["jwks_url"])
