"""The doctor finds what is missing, and says how to get it."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from millrace.cli.main import app
from millrace.laptop import Platform, doctor


def finding(name: str, home: Path) -> doctor.DoctorFinding:
    return next(item for item in doctor.examine(home) if item.check == name)


def test_every_problem_has_a_remedy_and_this_machine_is_fit(tmp_path: Path) -> None:
    found = doctor.examine(tmp_path)
    assert all(item.remedy for item in found if item.verdict != "good")
    assert {item.check for item in found} >= {
        "python",
        "libpython",
        "glibc",
        "envoy",
        "triton",
        "disk",
        "ports",
    }


def test_missing_binaries_are_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_ENVOY_BINARY", str(tmp_path / "envoy"))
    monkeypatch.setenv("MILLRACE_TRITON_ENVIRONMENT", str(tmp_path / "triton"))
    for name in ("envoy", "triton", "libpython", "triton's numpy"):
        assert finding(name, tmp_path).verdict == "bad"
    result = CliRunner().invoke(app, ["--home", str(tmp_path), "doctor"])
    assert result.exit_code == 1
    assert "make setup" in result.output


def test_the_wrong_numpy_for_triton_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib/python3.11/site-packages/numpy-2.4.0.dist-info").mkdir(parents=True)
    monkeypatch.setenv("MILLRACE_TRITON_ENVIRONMENT", str(tmp_path))
    found = finding("triton's numpy", tmp_path)
    assert (found.verdict, found.found) == ("bad", "2.4.0")


def test_a_port_that_another_program_took_is_odd(home: Path) -> None:
    with Platform(home) as platform:
        assert finding("ports", home).verdict == "good"
        assert "all ready" in finding("platform", home).found
        port = platform.ports["gateway"]
    with socket.create_server(("127.0.0.1", port)):
        assert f"gateway {port}" in finding("ports", home).found
    assert "not running" in finding("platform", home).found


def test_a_home_that_cannot_be_written_to_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    found = finding("disk", tmp_path)
    assert (found.verdict, found.remedy) == ("bad", "set MILLRACE_HOME to a folder of yours")
