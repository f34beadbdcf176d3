"""What a piece of work leaves of its result where Kubernetes keeps 4,096 bytes."""

import json

import pytest

from millrace_core.child import MESSAGE_BYTES, tell

REMEDY = " Check the image's name, and that mirror is a Secret of the namespace jobs."


@pytest.mark.parametrize("sign", ["a", "é", "語", "\\", "\n", "\x01", "😀"])
def test_of_a_message_that_is_too_long_begin_and_remedy_are_kept_in_any_script(tmp_path, monkeypatch, sign):
    message = "validate: The image cannot be pulled: " + sign * 5000 + REMEDY
    monkeypatch.setenv("MILLRACE_RESULT", str(tmp_path / "log"))
    assert tell(tmp_path, message, final=True) == 1
    written = (tmp_path / "log").read_bytes()
    told = json.loads(written)
    assert len(written) <= MESSAGE_BYTES
    assert told["message"].startswith("validate: The image cannot be pulled: " + sign)
    assert told["message"].endswith(REMEDY)
    assert (told["ok"], told["final"]) == (False, True)
    assert json.loads((tmp_path / "result.json").read_text())["message"] == message


def test_a_message_that_fits_is_kept_as_it_is(tmp_path, monkeypatch):
    message = "x" * 3900
    monkeypatch.setenv("MILLRACE_RESULT", str(tmp_path / "log"))
    tell(tmp_path, message)
    assert json.loads((tmp_path / "log").read_text())["message"] == message
