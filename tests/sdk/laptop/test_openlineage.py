"""A receiver of OpenLineage events that `millrace up` is given reaches the services; without one nothing is said."""

import pytest

from millrace.laptop import Platform
from millrace.laptop.platform import ORDER


@pytest.mark.parametrize("url", ["", "file:///tmp/events.jsonl"])
def test_the_receiver_stands_in_the_environment_of_training_and_the_controller(tmp_path, url):
    platform = Platform(tmp_path, openlineage=url)
    platform.secrets = dict.fromkeys((*ORDER, "gateway"), "x")
    platform.ports = dict.fromkeys((*ORDER, "otlp"), 1)
    for name in ("training", "controller"):
        assert platform._service(name).environment.get("MILLRACE_OPENLINEAGE_URL", "") == url
