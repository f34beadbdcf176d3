"""People sign in to the console at the provider whose tokens services take, the client's secret by reference."""

import pytest
import yaml
from tests.chart.rendering import Refused, pods, render
from tests.chart.test_notes import notes

ISSUER = "https://login.example"
VALUES = {
    "console": {
        "enabled": True,
        "publicUrl": "https://console.example",
        "oidc": {"issuer": ISSUER, "clientId": "millrace", "existingSecret": "console-client"},
    },
    "identity": {
        "oidc": [
            {
                "issuer": ISSUER,
                "audience": "millrace",
                "claims": [{"claim": "groups", "value": "ml", "role": "admin"}],
            }
        ]
    },
}


@pytest.fixture
def given(tmp_path):
    """The arguments of a render with VALUES, and what is *changed* in its console.oidc."""

    def arguments(identity=None, **changed):
        values = {
            "console": VALUES["console"] | {"oidc": VALUES["console"]["oidc"] | changed},
            "identity": VALUES["identity"] if identity is None else identity,
        }
        path = tmp_path / "values.yaml"
        path.write_text(yaml.safe_dump(values))
        return ("-f", str(path))

    return arguments


def environment(*arguments):
    """What the console is told, and whether anybody else is."""
    found = {}
    for pod in pods(render(*arguments)):
        for container in pod.containers:
            told = {
                item["name"]: item.get("value", item.get("valueFrom"))
                for item in container.get("env", [])
                if "OIDC" in item["name"] or "CONSOLE_PUBLIC" in item["name"]
            }
            if told:
                found[pod.component] = told
    return found


def test_the_console_alone_is_told_with_its_secret_by_reference(given):
    told = environment(*given())
    assert set(told) == {"console"}
    assert told["console"] == {
        "MILLRACE_CONSOLE_PUBLIC_URL": "https://console.example",
        "MILLRACE_OIDC_ISSUER": ISSUER,
        "MILLRACE_OIDC_CLIENT_ID": "millrace",
        "MILLRACE_OIDC_SCOPES": "",
        "MILLRACE_OIDC_TOKEN": "id",
        "MILLRACE_OIDC_NAME": "",
        "MILLRACE_OIDC_CLIENT_SECRET": {"secretKeyRef": {"name": "console-client", "key": "clientSecret"}},
    }


def test_without_an_issuer_nobody_is_told_and_the_console_goes_nowhere_outside(given):
    assert environment("--set", "console.enabled=true") == {}


@pytest.mark.parametrize("issuer", [ISSUER, ""])
def test_the_console_reaches_the_provider_where_there_is_one(given, issuer):
    (policy,) = [
        item
        for item in render(*given(issuer=issuer))
        if item["kind"] == "NetworkPolicy" and item["metadata"]["name"] == "millrace-console"
    ]
    outside = [
        rule for rule in policy["spec"]["egress"] if any("ipBlock" in peer for peer in rule.get("to", []))
    ]
    assert bool(outside) == bool(issuer)


@pytest.mark.parametrize(
    ("changed", "identity", "said"),
    [
        ({"clientId": ""}, None, "console.oidc.clientId"),
        ({"clientId": "other"}, None, "the audience of ID tokens is other"),
        ({}, {"oidc": []}, "no entry of identity.oidc is about"),
        ({"issuer": "http://login.example"}, None, "issuer"),
        ({"scopes": "email"}, None, "scopes"),
        ({"clientSecret": "plain"}, None, "clientSecret"),
    ],
)
def test_what_could_not_work_is_refused(given, changed, identity, said):
    with pytest.raises(Refused, match=said):
        render(*given(identity, **changed))


def test_another_client_may_be_shown_access_tokens_of_the_services_audience(given):
    assert environment(*given(clientId="other", token="access"))["console"]["MILLRACE_OIDC_TOKEN"] == "access"


def test_without_the_console_a_provider_for_it_is_refused():
    with pytest.raises(Refused, match=r"console\.enabled"):
        render("--set", f"console.oidc.issuer={ISSUER},console.oidc.clientId=millrace")


def test_notes_tell_what_to_register_at_the_provider(given):
    told = notes(*given())
    assert "https://console.example/oidc/callback" in told
    assert "https://console.example/login" in told
