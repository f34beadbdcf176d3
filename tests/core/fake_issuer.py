"""An issuer of tokens: its keys on a real server on loopback, and tokens signed with them."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

SUBJECT = "system:serviceaccount:millrace:millrace-serving"
ISSUER = "https://issuer.example"


def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


KEYS = {"one": key(), "two": key()}


class KeyServer:
    """Publishes some of KEYS; counts how often it is asked."""

    def __init__(self):
        outer = self
        self.published, self.asked, self.failing, self.elsewhere = ["one"], 0, False, ""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                self.send_response(302 if outer.elsewhere else 500 if outer.failing else 200)
                if outer.elsewhere:
                    self.send_header("location", outer.elsewhere)
                self.end_headers()
                self.wfile.write(json.dumps(outer.document(self.path)).encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        self.url = f"{self.root}/jwks"

    def document(self, path):
        if path.startswith("/.well-known"):
            return {"issuer": ISSUER, "jwks_uri": self.url}
        return {"keys": [self.jwk(name) for name in self.published]}

    @staticmethod
    def jwk(name):
        made = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEYS[name].public_key()))
        return made | {"kid": name, "use": "sig", "alg": "RS256"}


ROLES = [
    {"subject": SUBJECT, "role": "serving"},
    {"claim": "groups", "value": "ml-admins", "role": "admin"},
    {"subject": "system:serviceaccount:team-a:ci", "role": "viewer"},
]


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


def issuers_file(folder, *changes):
    """A file of issuers that differ from the usual one by *changes*."""
    usual = {"issuer": ISSUER, "audience": "millrace", "roles": ROLES}
    path = folder / "issuers.json"
    path.write_text(json.dumps({"issuers": [usual | change for change in changes]}))
    return path


@contextmanager
def issuing(folder, roles):
    """The path of a file that names one issuer, whose keys are served meanwhile."""
    server = KeyServer()
    yield issuers_file(folder, {"jwks_url": server.url, "roles": roles})
    server.server.shutdown()
