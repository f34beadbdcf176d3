"""A replay's own services: who waits for them is told what keeps them from their start."""

import pytest

from millrace_replay import inside


def test_a_start_that_takes_too_long_says_so_in_words(tmp_path, monkeypatch):
    """Without words it would be told to the controller as an end without an error."""
    monkeypatch.setattr(inside.Services, "_run", lambda self: None)
    monkeypatch.setattr(inside, "START_SECONDS", 0.01)
    with pytest.raises(TimeoutError, match="not ready within 0 s: begin it again when this machine has less"):
        inside.Services(tmp_path, {}).start()


def test_what_keeps_a_service_from_its_start_is_raised(tmp_path, monkeypatch):
    def broken(self, name):
        raise ValueError(f"{name} has no folder")

    monkeypatch.setattr(inside.Services, "_built", broken)
    with pytest.raises(ValueError, match="has no folder"):
        inside.Services(tmp_path, {}).start()
