"""The registry alone has the audit's key, from a Secret, and is told where signed heads go and how often."""

import json
import re

import pytest
from tests.chart.rendering import Refused, pods, render

SECRET = ("--set", "audit.existingSecret=millrace-audit")


def of(component, *arguments):
    """Environment, mounts by volume, and volumes of the pod of a component."""
    (pod,) = [pod for pod in pods(render(*arguments)) if pod.component == component]
    container = pod.containers[0]
    env = {item["name"]: item.get("value", item.get("valueFrom")) for item in container["env"]}
    mounts = {item["name"]: item for item in container["volumeMounts"]}
    return env, mounts, {item["name"]: item for item in pod.spec["volumes"]}


def test_without_values_heads_stay_in_the_registrys_home():
    env, mounts, volumes = of("registry")
    assert "MILLRACE_AUDIT_KEY_FILE" not in env
    assert (env["MILLRACE_AUDIT_EXPORTS"], env["MILLRACE_AUDIT_SECONDS"]) == ("[]", "300")
    assert "audit-key" not in mounts
    assert "audit-key" not in volumes


@pytest.mark.parametrize("name", ["audit-key.pem", "tls.key"])
def test_the_key_is_one_entry_of_a_secret_mounted_for_reading_into_the_registry_alone(name):
    arguments = (*SECRET, "--set", f"audit.secretKey={name.replace('.', chr(92) + '.')}")
    env, mounts, volumes = of("registry", *arguments)
    assert volumes["audit-key"]["secret"] == {
        "secretName": "millrace-audit", "items": [{"key": name, "path": "key.pem"}],
    }  # fmt: skip
    assert mounts["audit-key"]["readOnly"] is True
    assert env["MILLRACE_AUDIT_KEY_FILE"] == f"{mounts['audit-key']['mountPath']}/key.pem"
    for other in ("training", "serving", "monitoring", "controller"):
        found, _, kept = of(other, *arguments)
        assert not [key for key in found if "AUDIT" in key]
        assert "audit-key" not in kept


def test_a_key_that_is_changed_is_changed_in_place_without_a_new_pod():
    """A mount of a single file would never see another one: the whole volume is mounted."""
    _, mounts, _ = of("registry", *SECRET)
    assert "subPath" not in mounts["audit-key"]


def test_places_and_times_are_what_the_service_takes(monkeypatch):
    from millrace_registry.settings import RegistrySettings

    places = ["s3://audit/heads", "https://siem.example/millrace"]
    env, _, _ = of(
        "registry", *SECRET, "--set-json", f"audit.exports={json.dumps(places)}", "--set", "audit.seconds=60",
        "--set", "identity.tokenDays=30",
    )  # fmt: skip
    for name, value in env.items():
        if re.match("MILLRACE_(AUDIT|PERSONAL)", name):
            monkeypatch.setenv(name, value)
    found = RegistrySettings()
    assert (found.audit_places, found.audit_seconds, found.personal_token_days) == (places, 60, 30)
    assert str(found.audit_key) == env["MILLRACE_AUDIT_KEY_FILE"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--set", "audit.exports[0]=s3://audit/heads"), "audit.existingSecret"),
        ((*SECRET, "--set", "audit.exports[0]=ftp://audit"), "exports"),
        ((*SECRET, "--set", "audit.exports[0]=https://user:word@siem.example"), "exports"),
        ((*SECRET, "--set", "audit.seconds=1"), "seconds"),
        ((*SECRET, "--set", "audit.key=plain"), "key"),
        (("--set", "identity.tokenDays=400"), "tokenDays"),
    ],
)
def test_what_could_not_work_is_refused(arguments, says):
    with pytest.raises(Refused, match=says):
        render(*arguments)
