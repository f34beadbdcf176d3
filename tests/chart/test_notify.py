"""Monitoring alone is told how people are told: mail server, hosts, channels; what is secret by reference."""

import json

import pytest
from tests.chart.rendering import Refused, pods, render, values

PRODUCTION = tuple(values("production"))


def monitoring(*arguments):
    """Environment, mounts and volumes of the pod of monitoring."""
    (pod,) = [pod for pod in pods(render(*arguments)) if pod.component == "monitoring"]
    (container,) = pod.containers
    env = {item["name"]: item.get("value", item.get("valueFrom")) for item in container["env"]}
    mounts = {item["name"]: item["mountPath"] for item in container["volumeMounts"]}
    return env, mounts, {item["name"]: item for item in pod.spec["volumes"]}


def others(*arguments):
    return {
        item["name"]
        for pod in pods(render(*arguments))
        if pod.component != "monitoring"
        for container in pod.containers
        for item in container.get("env", [])
    }


def test_by_default_nobody_is_told_and_nothing_may_be_posted():
    env, mounts, _ = monitoring()
    assert env["MILLRACE_WEBHOOK_HOSTS"] == env["MILLRACE_NOTIFY_CHANNELS"] == "[]"
    assert not any(name.startswith("MILLRACE_SMTP") for name in env)
    assert not any(name.startswith("notify") for name in mounts)


def test_a_mail_server_its_password_and_its_authority_are_named_by_reference():
    env, mounts, volumes = monitoring(*PRODUCTION)
    assert (env["MILLRACE_SMTP_HOST"], env["MILLRACE_SMTP_PORT"]) == ("mail.example", "465")
    key = {"secretKeyRef": {"name": "millrace-smtp", "key": "password"}}
    assert env["MILLRACE_SMTP_PASSWORD"] == key
    assert env["MILLRACE_SMTP_CA_FILE"] == f"{mounts['smtp-ca']}/ca.crt"
    assert volumes["smtp-ca"]["secret"]["secretName"] == "millrace-smtp-ca"
    assert not {name for name in others(*PRODUCTION) if "SMTP" in name or "NOTIFY" in name}


def test_each_secret_of_channels_is_a_folder_of_its_name_and_may_come_later():
    env, mounts, volumes = monitoring(*PRODUCTION)
    folder = env["MILLRACE_NOTIFY_SECRETS"]
    assert {mounts["notify-0"], mounts["notify-1"]} == {
        f"{folder}/notify.pager",
        f"{folder}/notify.team-a.chat",
    }
    assert all(volumes[f"notify-{place}"]["secret"]["optional"] for place in (0, 1))


def test_the_service_takes_the_settings_that_the_chart_gives(monkeypatch):
    from millrace_monitoring.settings import MonitoringSettings

    env, _, _ = monitoring(*PRODUCTION)
    for name, value in env.items():
        if name.startswith(("MILLRACE_NOTIFY", "MILLRACE_SMTP", "MILLRACE_WEBHOOK", "MILLRACE_CONSOLE")):
            monkeypatch.setenv(name, value if isinstance(value, str) else "given")
    found = MonitoringSettings()
    assert [channel.kind() for channel in found.notify_channels] == ["email", "pagerduty"]
    assert found.webhook_hosts == json.loads(env["MILLRACE_WEBHOOK_HOSTS"])
    assert (found.smtp_security, found.console_url) == ("tls", "https://models.example")


def test_the_port_of_the_mail_server_is_opened_for_monitoring_alone():
    open_to = {
        item["metadata"]["name"]
        for item in render("--set", "notify.smtp.host=mail.example,notify.smtp.port=2525")
        if item["kind"] == "NetworkPolicy" and '"port": 2525' in json.dumps(item["spec"].get("egress", []))
    }
    assert open_to == {"millrace-monitoring"}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("notify.smtp.security=none,notify.smtp.existingSecret=x", "unprotected"),
        ("notify.channels[0].name=a,notify.channels[0].emial.to[0]=x", "emial"),
        ("notify.secrets[0]=anything", "secrets"),
        ("notify.hosts[0]=https://hooks.example/", "hosts"),
    ],
)
def test_what_would_not_work_is_refused(value, says):
    with pytest.raises(Refused, match=says):
        render("--set", value)
