"""The whole API under generated requests: bad input is a 4xx, never a 5xx."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from tests.generated import counted
from tests.training.streams.conftest import declaring

from millrace_core.auth import PUBLIC, permission_of, routes


@pytest.fixture(scope="module")
def api(module_home: Any, background: Any) -> Any:
    """The service, a registry and a controller of every loop behind it; jobs are accepted and never started."""
    from millrace_registry.main import RegistrySettings
    from millrace_registry.main import build as build_registry
    from millrace_training.jobs.controller import JobController
    from millrace_training.main import build
    from millrace_training.settings import TrainingSettings

    registry, stop_registry = background(build_registry(RegistrySettings(home=module_home)))
    controller, stop_controller = background(declaring())
    urls = {"registry_url": registry, "controller_url": controller}
    app = build(TrainingSettings(home=module_home, token="token-of-training", **urls))

    async def nothing(_: Any) -> None:
        """No job is started here."""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobController, "reconcile", nothing)
        url, stop = background(app)
        yield schemathesis.openapi.from_url(f"{url}/openapi.json")
        stop()
    stop_controller()
    stop_registry()


@counted
def test_no_generated_request_is_answered_with_a_5xx(api: Any, count: int) -> None:
    for result in api.get_all_operations():
        attack(result.ok(), count)


def attack(operation: Any, count: int) -> None:
    @settings(max_examples=count, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE) | operation.as_strategy())
    def once(case: Any) -> None:
        if "wait" in (case.query or {}):
            case.query.pop("wait")
        response = case.call(headers={"authorization": "Bearer token-of-user"}, timeout=20)
        assert response.status_code < 500, f"{operation.label}: {response.text}"

    once()


def test_every_route_but_health_and_the_document_needs_a_permission(home: Any) -> None:
    from millrace_training.main import build
    from millrace_training.settings import TrainingSettings

    found = {path: permission_of(route) for path, route in routes(build(TrainingSettings(home=home)))}
    public = {path for path, permission in found.items() if permission == PUBLIC}
    assert public == {"/healthz", "/readyz", "/openapi.json"}
    assert {permission.split(".")[0] for permission in found.values() if permission != PUBLIC} <= {
        "training",
        "metrics",
    }
