"""What the chart tells a service is a setting that this service has, and one that it can read."""

import importlib

import pytest
from tests.chart.rendering import CASES, case_objects, pods

from millrace_console.settings import ConsoleSettings

SETTINGS = {
    "registry": "millrace_registry.main:RegistrySettings",
    "training": "millrace_training.settings:TrainingSettings",
    "serving": "millrace_serving.settings:ServingSettings",
    "monitoring": "millrace_monitoring.settings:MonitoringSettings",
    "controller": "millrace_controller.settings:ControllerSettings",
}
BESIDE = {"HOME", "MILLRACE_DATABASE_PASSWORD", "SSL_CERT_FILE", "PGSSLROOTCERT"}
"""For libraries; the password is only a part of the URL that follows it."""


def settings(service):
    module, _, name = SETTINGS[service].partition(":")
    return getattr(importlib.import_module(module), name)


def environment(case, service):
    """What the container of a service is given; references become a sample of what they lead to."""
    (pod,) = [pod for pod in pods(case_objects(case)) if pod.component == service]
    given = {}
    for item in pod.spec["containers"][0]["env"]:
        sample = "postgresql+asyncpg://user:secret@host:5432/name" if "URL" in item["name"] else "sample"
        given[item["name"]] = item.get("value", sample).replace("$(MILLRACE_DATABASE_PASSWORD)", "secret")
    return given


@pytest.mark.parametrize("service", SETTINGS)
@pytest.mark.parametrize("case", CASES)
def test_every_variable_is_a_setting_of_its_service(case, service, monkeypatch):
    given = environment(case, service)
    known = {f"MILLRACE_{name.upper()}" for name in settings(service).model_fields}
    assert set(given) - known - BESIDE == set()
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    read = settings(service)()
    assert read.port == 8080
    assert read.home.as_posix() == "/var/lib/millrace"
    assert read.database_url.startswith("postgresql+asyncpg://")


def test_the_console_is_told_where_the_services_are_and_has_no_database_and_no_token(monkeypatch):
    given = environment("production", "console")
    known = {f"MILLRACE_{name.upper()}" for name in ConsoleSettings.model_fields}
    assert set(given) - known - BESIDE == set()
    assert not {"MILLRACE_DATABASE_URL", "MILLRACE_TOKEN_FILE"} & set(given)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    read = ConsoleSettings()
    assert read.https_only
    assert "console.example" in read.allowed_hosts
    assert all(getattr(read, f"{name}_url").startswith("http://millrace-") for name in SETTINGS)
