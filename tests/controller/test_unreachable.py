"""A service that does not answer is named, with why that may be and what to look at."""

import httpx
import pytest

from millrace.transport.errors import ApiError, Busy
from millrace_controller.clock import unreachable
from millrace_controller.settings import ControllerSettings

URL = "http://millrace-registry.millrace.svc:8080"


@pytest.fixture
def settings(tmp_path):
    return ControllerSettings(
        home=tmp_path, platform="kubernetes", namespace="ml", instance="loops", registry_url=URL
    )


def test_a_refused_connection_names_the_service_the_pods_to_look_at_and_the_other_causes(settings):
    error = httpx.ConnectError(
        "All connection attempts failed", request=httpx.Request("GET", f"{URL}/v1/models")
    )
    said = unreachable.words(error, settings)
    assert said.startswith(f"registry at {URL} does not answer (All connection attempts failed). ")
    assert (
        "kubectl -n ml get pods -l app.kubernetes.io/instance=loops,app.kubernetes.io/component=registry"
        in said
    )
    assert "NetworkPolicy" in said
    assert "MILLRACE_REGISTRY_URL" in said


def test_a_service_that_is_not_ready_says_what_it_waits_for(settings):
    error = Busy(ApiError(503, {"detail": "the schema is old"}, f"{URL}/v1/models"), 1)
    assert unreachable.words(error, settings).startswith(
        f"registry at {URL} is not ready (503 the schema is old)"
    )


def test_an_error_without_words_or_a_request_is_told_by_its_kind(settings):
    said = unreachable.words(httpx.ReadTimeout(""), settings)
    assert "a service at" in said
    assert "(ReadTimeout)" in said


def test_a_laptop_is_told_of_its_doctor(tmp_path):
    said = unreachable.words(httpx.ConnectError("x"), ControllerSettings(home=tmp_path))
    assert "millrace doctor" in said
    assert "kubectl" not in said
