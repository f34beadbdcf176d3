"""A gateway that asks for keys: a real Envoy lets in whom it should, over REST and over gRPC, and nobody else."""

import hashlib
import json
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import jwt
import numpy as np
import pytest
import tritonclient.grpc as triton
from cryptography.hazmat.primitives.asymmetric import rsa

from millrace_serving.envoy import callers, requests
from millrace_serving.envoy.callers import Callers, Given, Issuer, Key, jwks
from millrace_serving.envoy.manifests import Split, Ways

from .calls import Door, StandIn

ENDPOINTS = (("team", "fraud", "team.fraud"), ("team", "other", "team.other"), ("default", "fraud", "fraud"))
NAMES = [f"{wire}--r1" for _, _, wire in ENDPOINTS]
ISSUER, CLUSTER = "https://login.example", "https://kubernetes.default.svc"
SIGNS = {
    name: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for name in ("login", "cluster", "thief")
}
ADMIN = "system:serviceaccount:millrace:millrace-admin"


def key(text, *scope, **limits):
    return Key(hashlib.sha256(text.encode()).hexdigest(), text, scope, **limits)


def published(name):
    made = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(SIGNS[name].public_key()))
    return jwks([made | {"kid": name, "use": "sig", "alg": "RS256"}])


PEOPLE = (
    Given((), claim="groups", value="viewers"),
    Given(("*",), claim="groups", value="ml"),
    Given(("team/*",), claim="groups", value="team", everywhere=False),
    Given(("default/*",), claim="groups", value="shop", everywhere=False),
)
LOGIN = Issuer(ISSUER, "millrace", published("login"), PEOPLE)
WATCHED = ("team-a", "default")
KUBERNETES = Issuer(
    CLUSTER, "millrace", published("cluster"), (Given(("*",), ADMIN),), {"team-a": "team"}, WATCHED
)
KEYS = (
    key("fraud-only", "team/fraud"),
    key("team-wide", "team/*"),
    key("service", "*"),
    key("over", "team/*", expires=1_700_000_000),
    key("small", "team/*", longest=300),
    key("slow", "team/*", per_second=3),
)
EVERYBODY = Callers(KEYS, (LOGIN, KUBERNETES))


def token(issuer=ISSUER, sign="login", **claims):
    now = int(time.time())
    usual = {"iss": issuer, "aud": "millrace", "sub": "ada", "iat": now, "exp": now + 600}
    body = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.encode(body, SIGNS[sign], "RS256", headers={"kid": sign if sign != "thief" else "login"})


HUGE_SHAPED = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[%s,1],"data":%s}]}'


class Upstream(BaseHTTPRequestHandler):
    """A Triton that says nothing but what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.bodies.append(hashlib.sha256(self.read()).hexdigest())
        self.server.seen.append(dict(self.headers) | {"path": self.path})
        body = b'{"outputs": []}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def read(self):
        """The body, also one that comes in pieces."""
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def upstream():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.seen, server.bodies = [], []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def stand_in():
    server = StandIn(dict.fromkeys(NAMES, 1.0))
    yield server
    server.close()


@pytest.fixture(scope="module")
def door(tmp_path_factory, upstream, stand_in):
    made = Door(tmp_path_factory.mktemp("asked"), protected=True)
    ways = Ways(
        lambda _: ("127.0.0.1", upstream.server_port), ("*",), 5.0,
        grpc=lambda _: ("127.0.0.1", stand_in.port),
    )  # fmt: skip
    splits = [
        Split(*where, ((f"{where[2]}--r1", 10_000),), "salt", below=0.75 if where[1] == "fraud" else None)
        for where in ENDPOINTS
    ]
    made.publish = lambda asking: made.discovery.publish(NAMES, splits, ways, asking)
    made.publish(EVERYBODY)
    made.wait()
    yield made
    assert made.process.poll() is None, "Envoy has ended"
    assert set(made.stats("lua.errors$").values()) == {0}, made.log.read_text()[-3000:]
    made.close()


@pytest.fixture
def rest(door):
    with httpx.Client(base_url=f"http://{door.address}", trust_env=False, timeout=10) as client:
        yield client


def infer(rest, shown=None, wire="team.fraud", content=b"{}", **headers):
    told = {} if shown is None else {"authorization": f"Bearer {shown}"}
    return rest.post(f"/v2/models/{wire}/infer", content=content, headers=told | headers)


def problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["error"] == told["detail"]
    return told["detail"]


class TestRest:
    def test_nobody_is_answered_without_a_key_and_is_told_how_to_get_one(self, rest, upstream):
        before = len(upstream.seen)
        for answer in (
            infer(rest),
            rest.get("/v2/models/team.fraud"),
            rest.get("/v2/models/team.fraud/ready"),
        ):
            assert "millrace keys create" in problem(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        assert rest.get("/nothing/of/ours").status_code == 401
        assert len(upstream.seen) == before

    def test_a_load_balancer_may_ask_whether_the_gateway_is_alive(self, rest):
        assert rest.get("/v2/health/ready").status_code == 200

    @pytest.mark.parametrize(
        ("shown", "wire", "status"),
        [
            ("fraud-only", "team.fraud", 200), ("fraud-only", "team.other", 403), ("fraud-only", "fraud", 403),
            ("team-wide", "team.other", 200), ("team-wide", "fraud", 403), ("service", "fraud", 200),
            ("fraud-onl", "team.fraud", 401), (".", "team.fraud", 401), ("service", "nothing", 404),
            ("x" * 5000, "team.fraud", 401),
        ],
    )  # fmt: skip
    def test_a_key_opens_what_it_is_for(self, rest, shown, wire, status):
        answer = infer(rest, shown, wire)
        assert answer.status_code == status, answer.text
        if status == 403:
            assert f"'{shown}' may not ask the endpoint {wire.split('.')[-1]}" in problem(answer, 403)

    def test_a_key_goes_no_further_than_the_gateway_and_into_no_log(self, rest, door, upstream):
        for headers in ({"authorization": "Bearer fraud-only"}, {"x-api-key": "fraud-only"}):
            assert infer(rest, **headers).status_code == 200
            assert not {"Authorization", "X-Api-Key"} & {name.title() for name in upstream.seen[-1]}
        infer(rest, "fraud-only", **{"x-request-id": "seen"})
        (record,) = door.receiver.of("seen")
        assert "fraud-only" not in json.dumps(record)

    def test_who_is_refused_leaves_no_line_in_the_prediction_log(self, rest, door):
        for shown, wire in ((None, "team.fraud"), ("wrong", "team.fraud"), ("fraud-only", "fraud")):
            infer(rest, shown, wire, **{"x-request-id": "refused"})
        infer(rest, "fraud-only", **{"x-request-id": "after"})
        door.receiver.of("after")
        assert not [item for item in door.receiver.records if item["request_id"] == "refused"]

    def test_an_expired_key_is_told_when_it_ended(self, rest):
        assert "'over' expired on 2023-11-14T22:13:20Z" in problem(infer(rest, "over"), 401)

    def test_a_request_longer_than_a_key_may_send_is_413_with_a_length_and_without_one(self, rest):
        long, short = b"x" * 301, b"x" * 300
        for content in (long, iter([long])):
            assert "300 bytes" in problem(infer(rest, "small", content=content), 413)
        assert infer(rest, "small", content=short).status_code == 200
        assert infer(rest, "small", content=iter([short])).status_code == 200
        assert infer(rest, "team-wide", content=long).status_code == 200

    def test_who_asks_too_often_is_429_and_nobody_else(self, rest):
        time.sleep(1.1)
        answers = [infer(rest, "slow") for _ in range(12)]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert 3 <= len(answers) - len(refused) <= 6
        assert "wait a second" in problem(refused[0], 429)
        assert refused[0].headers["retry-after"] == "1"
        assert infer(rest, "team-wide").status_code == 200

    def test_a_tensor_that_declares_more_values_than_a_request_can_hold_never_comes_to_triton(
        self, rest, upstream
    ):
        def asked(shape, data="[1.0]", head="", **headers):
            tensor = '{"inputs":[{"name":"x","datatype":"FP32","shape": ' + shape + ',"data":' + data + "}]}"
            return infer(rest, "fraud-only", content=(head + tensor).encode(), **headers)

        before = len(upstream.seen)
        for shape in ("[1073741824, 1]", "[1024,65536,\n 9]", "[ 99999999999999999999999999 ]"):
            answer = asked(shape)
            assert (answer.status_code, "its shape is [rows, ...]" in answer.json()["error"]) == (
                400,
                True,
            ), shape
        assert len(upstream.seen) == before
        row = "[" + ",".join("1" * 4000) + "]"
        for shape, data in (("[1,1]", "[1]"), ("[4000]", row), ("[4, 1000]", row), ("[0, 1073741824]", "[]")):
            assert asked(shape, data).status_code == 200, shape
        assert asked("[1,1]", '["\\"shape\\":[1073741824]"]').status_code == 200, "a text is no shape"
        head = '{"inputs":[]}'
        told = {"inference-header-content-length": str(len(head))}
        assert asked("[1073741824]", head=head, **told).status_code == 200, "nor are bytes of a binary tensor"

    HUGE = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1073741824,1],"data":[1.0]}]}'
    ROOM = b" " * 300_000

    @pytest.mark.parametrize(
        ("content", "headers"),
        [
            (HUGE.replace(b"shape", rb"sh\u0061pe"), {}),
            (HUGE.replace(b"shape", rb"\u0073\u0068\u0061\u0070\u0065"), {}),
            (HUGE.replace(b"shape", "é".encode() + rb'":0,"\\u0061":0,"s\u0068ape'), {}),
            (HUGE, {"content-encoding": "identity"}),
            (HUGE + b" " * 921, {"inference-header-content-length": "1000e-3"}),
            (HUGE, {"inference-header-content-length": "0x8"}),
            (ROOM + HUGE, {}),
            (b" " * (262_144 - 35) + HUGE, {}),
            (b" " * (262_144 - 42) + HUGE.replace(b"shape", rb"\u0073h\u0061pe"), {}),
            (b" " * (262_144 - 52) + HUGE, {}),
            (HUGE.replace(b"[1073741824", b" [" + b" " * 3000 + b"1073741824") + ROOM, {}),
            (HUGE.replace(b"[1073741824", ROOM + b"[" + b" " * 5000 + b"1073741824"), {}),
            (HUGE.replace(b"1073741824", b"18446744073709551615") + b" " * 9_000_000, {}),
            (ROOM + HUGE + b"\0" * 300_000, {"inference-header-content-length": str(300_000 + len(HUGE))}),
            (iter([HUGE[:40], HUGE[40:]]), {}),
            (iter([HUGE, ROOM, ROOM]), {}),
        ],
    )
    def test_no_way_of_writing_it_brings_such_a_tensor_to_triton(self, rest, upstream, content, headers):
        before = len(upstream.seen)
        told = problem(infer(rest, "fraud-only", content=content, **headers), 400)
        assert "its shape is [rows, ...]" in told
        assert len(upstream.seen) == before

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"[" * 20_000, "64 deep"),
            (b'{"a":' * 20_000, "64 deep"),
            (b'{"inputs":' + b"[" * 400_000, "262144 lists"),
            (b'["]]]]",' * 20_000 + b"]" * 20_000, "64 deep"),
            (rb'["\"]",' * 20_000, "64 deep"),
            (b'{"x":"' + b"a" * 262_137 + rb'\"[",' + b'"y":' + b"[" * 20_000, "64 deep"),
            (b"[1]," * 300_000, "262144 lists"),
        ],
    )
    def test_no_lists_in_one_another_come_to_triton_deeper_than_it_can_read(
        self, rest, upstream, content, words
    ):
        before = len(upstream.seen)
        assert words in problem(infer(rest, "fraud-only", content=content), 400)
        assert len(upstream.seen) == before

    @pytest.mark.parametrize(
        "content",
        [
            b"[" * 16_384,
            b"[" + b"[1]," * 60_000 + b"1]",
            b'["[[[[[[",1],' * 20_000,
            b'{"x":"' + b"a" * 262_137 + rb"\"" + b"[" * 20_000 + b'"}',
        ],
    )
    def test_lists_that_are_not_deep_go_on_however_many(self, rest, content):
        assert infer(rest, "fraud-only", content=content).status_code == 200

    def test_the_values_of_an_only_input_are_no_json(self, rest):
        told = {"inference-header-content-length": "0"}
        for content in (b"[" * 20_000, b"{" * 300_000, self.HUGE):
            assert infer(rest, "fraud-only", content=content, **told).status_code == 200

    def test_what_the_gateway_cannot_read_is_refused_with_what_to_send(self, rest, upstream, door):
        before = len(upstream.seen)
        for kind in ("gzip", "deflate", "br", "Identity, gzip"):
            refused = infer(
                rest, "fraud-only", **{"content-encoding": kind, "x-request-id": f"packed-{kind[0]}"}
            )
            assert "send it without content-encoding" in problem(refused, 415)
        assert door.receiver.of("packed-g")[0]["request_skipped"] == "encoding"
        long = b" " * (requests.MOST_BYTES + 1)
        pieces = iter([long[: 2**20]] * 17)
        for content in (long, pieces):
            assert str(requests.MOST_BYTES) in problem(infer(rest, "fraud-only", content=content), 413)
        assert len(upstream.seen) == before

    def test_answers_of_a_loop_with_reviews_say_below_what_they_are_looked_at(self, rest):
        assert infer(rest, "fraud-only").headers["x-millrace-review-below"] == "0.75"
        assert "x-millrace-review-below" not in infer(rest, "team-wide", "team.other").headers

    def test_a_long_request_goes_on_as_it_came(self, rest, upstream):
        values = b"[" + b"1.5," * 400_000 + b"1]"
        whole = HUGE_SHAPED % (b"400001", values)
        for content in (whole, iter([whole[:700_000], whole[700_000:]]), whole + b" " * 14_000_000):
            sent = content if isinstance(content, bytes) else whole
            assert infer(rest, "fraud-only", content=content).status_code == 200
            assert upstream.bodies[-1] == hashlib.sha256(sent).hexdigest()

    def test_a_path_that_is_written_otherwise_opens_nothing(self, rest):
        for path in (
            "/v2/models/team.fraud/../fraud/infer",
            "//v2//models/fraud/infer",
            "/v2/models/%66raud/infer",
        ):
            answer = rest.post(path, content=b"{}", headers={"authorization": "Bearer fraud-only"})
            assert answer.status_code in (403, 404), (path, answer.status_code)


class TestTokens:
    @pytest.mark.parametrize(
        ("claims", "status"),
        [
            ({"groups": ["ml"]}, 200),
            ({"groups": "ml"}, 200),
            ({"groups": ["others"]}, 403),
            ({"groups": ["viewers", "ml"]}, 403),
            ({"groups": ["team", "shop"]}, 200),
            ({"groups": ["viewers", "shop"]}, 200),
            ({"groups": ["team"]}, 403),
            ({}, 403),
            ({"groups": ["ml"], "exp": int(time.time()) - 60}, 401),
            ({"groups": ["ml"], "exp": None}, 401),
            ({"groups": ["ml"], "aud": "somebody"}, 401),
            ({"groups": ["ml"], "sign": "thief"}, 401),
            ({"groups": ["ml"], "issuer": "https://other.example"}, 401),
            ({"groups": ["ml"], "issuer": CLUSTER}, 401),
        ],
    )
    def test_a_person_is_let_in_by_the_claims_that_the_issuer_signed(self, rest, claims, status):
        answer = infer(rest, token(**claims), "fraud")
        assert answer.status_code == status, answer.text
        if status == 401:
            assert "signed by nobody who is believed" in problem(answer, 401)

    @pytest.mark.parametrize(
        ("subject", "wire", "status"),
        [
            (ADMIN, "fraud", 200),
            ("system:serviceaccount:team-a:ci", "team.fraud", 200),
            ("system:serviceaccount:team-a:ci", "fraud", 403),
            ("system:serviceaccount:default:web", "fraud", 200),
            ("system:serviceaccount:default:web", "team.fraud", 403),
            ("system:serviceaccount:team:web", "team.fraud", 403),
            ("system:node:worker", "fraud", 403),
        ],
    )
    def test_a_service_account_may_ask_the_project_of_its_namespace(self, rest, subject, wire, status):
        answer = infer(rest, token(CLUSTER, "cluster", sub=subject), wire)
        assert answer.status_code == status, answer.text

    @pytest.mark.parametrize(
        ("audience", "wire", "status"),
        [
            ("millrace", "fraud", 200), ("millrace", "team.fraud", 403), ("partner", "team.fraud", 200),
            ("partner", "fraud", 403), (["partner", "millrace"], "fraud", 200),
            (["partner", "millrace"], "team.fraud", 403), ("somebody", "fraud", 401),
        ],
    )  # fmt: skip
    def test_an_issuer_for_two_audiences_gives_each_its_own(self, rest, door, audience, wire, status):
        ours, partners = Given(("default/*",), claim="groups", value="ml"), Given(("team/*",), "ada")
        entries = (replace(LOGIN, given=(ours,)), replace(LOGIN, audience="partner", given=(partners,)))
        door.publish(Callers(KEYS, (*entries, KUBERNETES)))
        answer = infer(rest, token(aud=audience, groups=["ml"]), wire)
        assert answer.status_code == status, answer.text
        door.publish(EVERYBODY)

    def test_a_token_with_very_many_groups_is_let_in_and_other_headers_stay_short(self, rest, upstream):
        many = token(groups=[f"department-{number:04}-of-the-company" for number in range(1000)] + ["ml"])
        assert 40_000 < len(many) < 60_000
        assert infer(rest, many, "fraud", cookie="k" * 7000).status_code == 200
        assert len(str(upstream.seen[-1])) < 9000, "it goes no further"
        assert "8 KiB beside the key or token" in problem(infer(rest, many, "fraud", cookie="k" * 9000), 431)
        assert infer(rest, many + "x" * 20_000, "fraud").status_code == 431

    def test_a_token_that_is_no_token_is_401_and_not_an_error(self, rest):
        for shown in ("a.b.c", "..", "a.b", token() + "x", token(alg="none")):
            assert infer(rest, shown).status_code in (401, 403)


class TestFaults:
    """Whatever fails, nobody is let in by it: a script in error lets a request pass in Envoy."""

    def test_a_door_that_fails_is_503(self, rest, door):
        door.publish(Callers((replace(KEYS[0], expires={"no": "number"}), *KEYS[1:]), EVERYBODY.issuers))
        assert "could not be told" in problem(infer(rest, "fraud-only"), 503)
        door.publish(EVERYBODY)

    def test_behind_a_door_that_is_broken_stands_a_bolt(self, tmp_path, monkeypatch, upstream):
        monkeypatch.setattr(callers, "DOOR", "function envoy_on_request(handle) error('broken') end")
        made = Door(tmp_path, protected=True)
        ways = Ways(lambda _: ("127.0.0.1", upstream.server_port), ("*",), 5.0)
        split = Split(*ENDPOINTS[0], ((NAMES[0], 10_000),), "salt")
        made.discovery.publish(NAMES, [split], ways, EVERYBODY)
        made.wait()
        url = f"http://{made.address}/v2/models/team.fraud/infer"
        answer = httpx.post(url, headers={"authorization": "Bearer service"}, trust_env=False)
        assert answer.status_code == 403
        made.close()

    def test_without_a_word_from_serving_a_gateway_does_not_open(self, tmp_path):
        made = Door(tmp_path, protected=True)
        ways = Ways(lambda _: ("127.0.0.1", 1), ("*",), 5.0)
        made.discovery.publish([], [], ways)
        time.sleep(1.0)
        ready = httpx.get(f"{made.admin}/ready", trust_env=False)
        assert ready.status_code == 503
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://{made.address}/v2/health/live", trust_env=False)
        made.close()


class TestGrpc:
    def asked(self, door, name, shown=None, rows=1, **more):
        made = [triton.InferInput(kind, [rows, 1], datatype) for kind, datatype in
                (("distance", "FP32"), ("origin", "BYTES"), ("departed", "INT64"))]  # fmt: skip
        made[0].set_data_from_numpy(np.ones((rows, 1), np.float32))
        made[1].set_data_from_numpy(np.array([["EWR"]] * rows, dtype=object))
        made[2].set_data_from_numpy(np.zeros((rows, 1), np.int64))
        headers = more or ({} if shown is None else {"authorization": f"Bearer {shown}"})
        with triton.InferenceServerClient(door.address) as client:
            try:
                client.infer(name, made, headers=headers)
            except triton.InferenceServerException as error:
                return error.status(), str(error)
        return "OK", ""

    @pytest.mark.parametrize(
        ("shown", "name", "status"),
        [
            (None, "team.fraud", "UNAUTHENTICATED"), ("wrong", "team.fraud", "UNAUTHENTICATED"),
            ("over", "team.fraud", "UNAUTHENTICATED"), ("fraud-only", "team.fraud", "OK"),
            ("fraud-only", "team.other", "PERMISSION_DENIED"), ("fraud-only", "fraud", "PERMISSION_DENIED"),
            ("service", "fraud", "OK"), ("service", "nothing", "NOT_FOUND"),
        ],
    )  # fmt: skip
    def test_a_call_is_let_in_by_what_its_message_asks(self, door, stand_in, shown, name, status):
        before = len(stand_in.asked)
        got, words = self.asked(door, name, shown)
        assert got == (status if status == "OK" else f"StatusCode.{status}"), words
        assert len(stand_in.asked) - before == (status == "OK")
        if status in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            assert "millrace" in words
            assert "keys create" in words

    def test_a_header_that_names_another_endpoint_than_the_message_opens_nothing(self, door):
        told = {"authorization": "Bearer fraud-only", "x-millrace-endpoint": "team.fraud"}
        assert self.asked(door, "fraud", **told)[0] == "StatusCode.PERMISSION_DENIED"

    def test_a_token_opens_a_call_as_a_request(self, door):
        assert self.asked(door, "fraud", token(groups=["ml"]))[0] == "OK"
        assert self.asked(door, "fraud", token())[0] == "StatusCode.PERMISSION_DENIED"

    def test_limits_hold_for_calls(self, door):
        status, words = self.asked(door, "team.fraud", "small", rows=100)
        assert status == "StatusCode.RESOURCE_EXHAUSTED"
        assert "300 bytes" in words
        time.sleep(1.1)
        found = [self.asked(door, "team.fraud", "slow") for _ in range(8)]
        assert found[0][0] == "OK"
        assert ("StatusCode.RESOURCE_EXHAUSTED", True) in {
            (got, "wait a second" in words) for got, words in found
        }

    def test_what_is_asked_of_the_gateway_itself_needs_no_key_and_all_else_one(self, door):
        with triton.InferenceServerClient(door.address) as client:
            assert client.is_server_live()
            for ask in (client.get_server_metadata, lambda: client.get_model_metadata("team.fraud")):
                with pytest.raises(triton.InferenceServerException) as caught:
                    ask()
                assert caught.value.status() == "StatusCode.UNAUTHENTICATED"
            shown = {"authorization": "Bearer fraud-only"}
            assert client.is_model_ready("team.fraud", headers=shown)


class TestChanges:
    def test_a_revoked_key_is_refused_within_five_seconds_on_connections_that_stay_open(self, rest, door):
        assert infer(rest, "team-wide").status_code == 200
        began = time.monotonic()
        door.publish(Callers(tuple(item for item in KEYS if item.name != "team-wide"), EVERYBODY.issuers))
        while infer(rest, "team-wide").status_code == 200:
            assert time.monotonic() - began < 5
        assert "revoked" in problem(infer(rest, "team-wide"), 401)
        assert infer(rest, "fraud-only").status_code == 200
        door.publish(EVERYBODY)

    def test_a_key_expires_without_a_change(self, rest, door):
        ends = int(time.time()) + 2
        door.publish(Callers((key("brief", "team/*", expires=ends),), EVERYBODY.issuers))
        assert infer(rest, "brief").status_code == 200
        time.sleep(max(0.0, ends - time.time()) + 0.1)
        assert infer(rest, "brief").status_code == 401
        door.publish(EVERYBODY)

    def test_many_keys_and_names_that_mean_something_in_a_script_are_only_names(self, rest, door):
        odd = 'quote" ]] \\ \n end os.exit() -- é'
        many = tuple(key(f"key {number}", "team/*") for number in range(12_000))
        given = (Given(("*",), subject=odd), Given(("*",), claim=odd, value=odd))
        door.publish(Callers((*many, *KEYS), (replace(LOGIN, given=given), KUBERNETES)))
        began = time.monotonic()
        while infer(rest, **{"x-api-key": "key 0"}).status_code != 200:
            assert time.monotonic() - began < 2
        for shown in ("fraud-only", token(sub=odd), token(**{odd: [odd]})):
            assert infer(rest, shown).status_code == 200
        assert infer(rest, **{"x-api-key": "key 11999"}).status_code == 200
        assert infer(rest, token(sub="os.exit()")).status_code == 403
        door.publish(EVERYBODY)

    def test_a_new_key_of_an_issuer_is_believed_and_an_old_one_no_more(self, rest, door):
        rolled = Issuer(ISSUER, "millrace", published("cluster"), given=PEOPLE)
        old, new = token(groups=["ml"]), token(groups=["ml"], sign="cluster")
        assert (infer(rest, old, "fraud").status_code, infer(rest, new, "fraud").status_code) == (200, 401)
        door.publish(Callers(KEYS, (rolled, KUBERNETES)))
        assert (infer(rest, old, "fraud").status_code, infer(rest, new, "fraud").status_code) == (401, 200)
        door.publish(EVERYBODY)
