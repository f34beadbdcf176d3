"""What a step of a pipeline tells before it fails."""

import httpx
import pytest

from millrace import steps


class Controller:
    """Takes a step's reports, as the controller would."""

    def __init__(self):
        self.told = []

    def plan(self, loop, run):
        return None

    def report(self, loop, run, name, told):
        self.told.append((name, told.state, told.message, told.final))


class Client:
    project = "default"

    def __init__(self):
        self.controller = Controller()


def test_a_service_that_does_not_answer_is_told_and_no_reason_to_give_up(monkeypatch):
    """Without a word the run would be one whose pod just ended."""
    client = Client()
    monkeypatch.setattr(steps.Millrace, "from_environment", lambda project: client)

    def work(step):
        raise httpx.ConnectError("[Errno 111] Connection refused")

    with pytest.raises(httpx.ConnectError):
        steps.Step("default", "sales", 1, "validate").run(work)
    words = "a service does not answer: ConnectError: [Errno 111] Connection refused"
    assert client.controller.told == [
        ("validate", "running", "", False),
        ("validate", "failed", words, False),
    ]
