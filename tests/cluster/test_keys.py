"""Who may ask a model in a cluster, and that a gateway which is replaced loses no request of theirs."""

import contextlib
import time

import httpx
import pytest
from tests.cluster import test_story as story
from tests.cluster.inside.predicting import BODY
from tests.cluster.release import NAME, PAIRS
from tests.cluster.work import predicting

pytestmark = pytest.mark.timeout(1200)
TEAM, LOOP = story.TEAM, "tumours"
VALUES = PAIRS
MAKE = f"""
import json, secrets, sys
from millrace.client import Millrace
from millrace_contracts.keys import KeyWrite
wanted = KeyWrite(name="k-" + secrets.token_hex(4), endpoints=sys.argv[1:])
made = Millrace.from_environment({TEAM!r}).serving.make_key(wanted)
print(json.dumps([made.name, made.key]))
"""


@pytest.fixture(scope="module")
def asking(kube, release):
    """A release with two gateways and a loop that has a champion."""
    story.with_champion(kube, release)
    return release


@pytest.fixture(scope="module")
def outside(kube, asking):
    """Someone beside the cluster, at the gateway's Service: `ask(headers)`.

    Each call has a way of its own: Envoy ends the connection of a call that it refuses, and kubectl then its forward.
    """

    def ask(headers):
        url = f"/v2/models/{TEAM}.{LOOP}/infer"
        with kube.forwarded(f"service/{NAME}-gateway", asking.namespace, 8000) as port:
            return httpx.post(
                f"http://127.0.0.1:{port}{url}", json=BODY, headers=headers, timeout=20, trust_env=False
            )

    return ask


def asked(ask, shown=None):
    return ask({} if shown is None else {"authorization": f"Bearer {shown}"})


def token(kube, account, namespace):
    """Of a service account, for the audience millrace."""
    return kube.kubectl("create", "token", account, "-n", namespace, "--audience", "millrace").strip()


def test_a_key_is_asked_for_opens_what_it_is_for_and_is_refused_within_five_seconds(asking, outside):
    refused = asked(outside)
    assert refused.status_code == 401
    assert "millrace keys create" in refused.json()["detail"]
    name, key = asking.python(MAKE, LOOP)
    _, other = asking.python(MAKE, "another")
    assert asked(outside, key).status_code == 200
    assert asked(outside, other).status_code == 403
    asking.call(f"client.serving.revoke_key({name!r})", TEAM)
    began = time.monotonic()
    while asked(outside, key).status_code == 200:
        assert time.monotonic() - began < 5
    assert asked(outside, key).status_code == 401


def test_a_service_account_may_ask_the_models_of_its_own_namespace(kube, asking, outside):
    kube.namespace("elsewhere")
    for namespace in (TEAM, "elsewhere"):
        with contextlib.suppress(AssertionError):
            kube.kubectl("create", "serviceaccount", "web", "-n", namespace)
    assert asked(outside, token(kube, "web", TEAM)).status_code == 200
    assert asked(outside, token(kube, "web", "elsewhere")).status_code == 403
    assert asked(outside, token(kube, f"{NAME}-admin", asking.namespace)).status_code == 200
    other = kube.kubectl("create", "token", "web", "-n", TEAM, "--audience", "somebody").strip()
    assert asked(outside, other).status_code == 401
    kube.kubectl("delete", "namespace", "elsewhere", "--wait=false")


@pytest.mark.parametrize("how", ["rollout restart", "pod delete"])
def test_a_gateway_that_is_replaced_loses_no_request_of_clients_that_keep_their_connections(
    kube, asking, how
):
    kube.until("all pods Ready", 120, asking.ready, asking.namespace)
    before = {pod["metadata"]["uid"] for pod in asking.pods("gateway")}
    several = contextlib.ExitStack()
    with several:
        work = [several.enter_context(predicting(asking, TEAM, LOOP, every)) for every in (0.01, 0.05, 1.0)]
        time.sleep(2.0)
        if how == "rollout restart":
            kube.kubectl("rollout", "restart", f"deployment/{NAME}-gateway", "-n", asking.namespace)
        else:
            for pod in asking.names("gateway"):
                kube.kubectl("delete", "pod", pod, "-n", asking.namespace, "--wait=false")
                kube.until("it is back", 120, lambda: asking.ready() and len(asking.pods("gateway")) == 2)

        def gone():
            return before.isdisjoint(pod["metadata"]["uid"] for pod in kube.get("pods", asking.namespace))

        kube.until("the old gateways have ended", 240, lambda: gone() and asking.ready(), asking.namespace)
        time.sleep(3.0)
    assert sum(item["sent"] for item in work) > 300
    assert [item["failures"] for item in work] == [[], [], []]
