"""A Python of one's own brings its shared library along; the loader is told where it lies."""

import sysconfig

import pytest

from millrace import interpreter


@pytest.fixture
def built(monkeypatch, tmp_path):
    """A Python whose libraries lie in a folder that no loader searches."""
    name = f"libpython{sysconfig.get_config_var('py_version_short')}.so.1.0"
    (tmp_path / name).touch()
    monkeypatch.setattr(interpreter.sysconfig, "get_config_var", lambda _: str(tmp_path))
    return tmp_path


def test_the_loader_finds_the_library_behind_what_it_knew_before(built):
    assert interpreter.library_path(None) == {"LD_LIBRARY_PATH": str(built)}
    assert interpreter.library_path("/opt/lib") == {"LD_LIBRARY_PATH": f"/opt/lib:{built}"}


def test_a_python_without_a_library_there_changes_nothing(monkeypatch):
    monkeypatch.setattr(interpreter.sysconfig, "get_config_var", lambda _: None)
    assert interpreter.library_path("/opt/lib") == {}
