"""The supervisor with real processes: what it starts it keeps running, and nothing outlives it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import httpx
import psutil
import pytest
from tests.sdk.laptop.conftest import FEW, alive, recorded, within

from millrace.client import SERVICES, Millrace, NotRunning
from millrace.laptop import AlreadyRunning, Platform, StartFailed, service, stopping

Up = Callable[[], "subprocess.Popen[str]"]


def read(home: Path, name: str) -> dict:
    return json.loads((home / "run" / name).read_text())


def test_everything_is_ready_and_nothing_is_left(home: Path) -> None:
    with Platform(home) as platform:
        found = {name: httpx.get(f"{url}/readyz").text for name, url in platform.urls.items()}
        assert found == {name: name for name in FEW}
        assert platform.ready_seconds > 0
        pids = platform.processes()
        assert len(pids) == len(FEW) + 2
        assert platform.client().token == read(home, "platform.json")["token"]
        assert Millrace.from_environment().urls == platform.urls
    assert within(5, lambda: not any(alive(pid) for pid in pids))
    with pytest.raises(NotRunning, match="millrace up"):
        Millrace.from_environment()


def test_secrets_are_for_the_owner_alone_and_stay(home: Path) -> None:
    with Platform(home) as platform:
        first = dict(platform.secrets)
        for path in (home / "run").iterdir():
            if path.name != "triton.json":
                assert path.stat().st_mode & 0o077 == 0, path
        known = {entry["sha256"] for entry in read(home, "tokens.json")["tokens"]}
        assert not any(token in json.dumps(sorted(known)) for token in first.values())
        assert len(set(first.values())) == len(first) == len(known)
    with Platform(home) as platform:
        assert platform.secrets == first


def test_ports_are_remembered_and_given_up_when_taken(home: Path) -> None:
    with Platform(home) as platform:
        first = dict(platform.ports)
    with socket.create_server(("127.0.0.1", first["registry"])), Platform(home) as platform:
        second = dict(platform.ports)
    assert second["registry"] != first["registry"]
    assert {name: port for name, port in second.items() if name != "registry"} == {
        name: port for name, port in first.items() if name != "registry"
    }


def test_a_killed_service_is_started_again_and_counted(home: Path) -> None:
    with Platform(home) as platform:
        before = recorded(home)["service-training"]
        os.kill(before, signal.SIGKILL)
        assert within(60, lambda: platform.restarts()["training"] == 1)
        assert within(60, lambda: platform.services["training"].waits_for() is None)
        assert recorded(home)["service-training"] != before
        assert {name: count for name, count in platform.restarts().items() if count} == {"training": 1}


def test_what_services_started_and_nobody_recorded_ends_too(home: Path) -> None:
    with Platform(home) as platform:
        first = int((home / "job").read_text())
        os.kill(recorded(home)["service-training"], signal.SIGKILL)
        assert within(60, lambda: (home / "job").read_text() not in ("", str(first)))
        assert within(60, lambda: platform.services["training"].waits_for() is None)
        second = int((home / "job").read_text())
        assert alive(first)
        assert alive(second)
    assert not alive(first)
    assert not alive(second)


def test_repeated_deaths_are_answered_with_growing_pauses(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Platform(home) as platform:
        platform._over.set()
        assert platform._thread is not None
        platform._thread.join()
        now = [time.monotonic()]
        monkeypatch.setattr(service, "time", SimpleNamespace(monotonic=lambda: now[0]))
        training, waits = platform.services["training"], []
        for _ in range(3):
            assert training.process is not None
            training.process.kill()
            training.process.wait()
            assert not training.tend()
            waits.append(training.next_start - now[0])
            now[0] = training.next_start
            assert training.tend()
        assert waits == pytest.approx([0.25, 0.5, 1.0])


def test_a_hung_service_is_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "HUNG_SECONDS", 0.1)
    monkeypatch.setattr(service.leftovers.end_group, "__defaults__", (0.2,))
    with Platform(home) as platform:
        platform._over.set()
        assert platform._thread is not None
        platform._thread.join()
        training = platform.services["training"]
        assert training.process is not None
        assert not training.check()
        training._client.timeout = httpx.Timeout(0.3)
        os.kill(training.process.pid, signal.SIGSTOP)
        assert within(5, training.check)
        assert training.process.wait(5) != 0


def test_a_second_supervisor_is_refused_and_harms_nothing(home: Path) -> None:
    with Platform(home) as platform:
        with pytest.raises(AlreadyRunning, match="millrace down"):
            Platform(home).start()
        second = Platform(home)
        with contextlib.suppress(AlreadyRunning):
            second.start()
        second.stop()
        assert all(alive(pid) for pid in platform.processes())
        assert len(platform.processes()) == len(FEW) + 2


def test_a_service_that_cannot_start_is_told_with_its_last_words(home: Path) -> None:
    home.mkdir()
    (home / "fail-training").touch()
    with pytest.raises(StartFailed, match="the disk of training is full"):
        Platform(home).start()
    assert recorded(home) == {}
    (home / "fail-training").unlink()
    with Platform(home) as platform:
        assert platform.restarts()["training"] == 0


def test_after_kill_9_services_end_and_the_next_start_continues(home: Path, up: Up) -> None:
    first = up()
    before, pids = read(home, "platform.json"), recorded(home)
    assert set(pids) == {*(f"service-{name}" for name in (*SERVICES, "console")), "triton"}
    first.kill()
    first.wait()
    services = {pid for name, pid in pids.items() if name != "triton"}
    assert within(60, lambda: not any(alive(pid) for pid in services))
    assert alive(pids["triton"])
    with pytest.raises(NotRunning):
        Millrace.from_environment()
    up()
    assert within(5, lambda: not alive(pids["triton"]))
    after = read(home, "platform.json")
    assert (after["ports"], after["token"]) == (before["ports"], before["token"])


def test_sigterm_ends_everything(home: Path, up: Up) -> None:
    process = up()
    pids = recorded(home)
    process.terminate()
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "nothing is left running" in output
    assert not any(alive(pid) for pid in pids.values())


def test_down_ends_a_running_platform_and_is_content_without_one(home: Path, up: Up) -> None:
    process = up()
    pids = recorded(home)
    assert "Stopped the platform" in stopping.stop(home)
    assert process.wait(10) == 0
    assert not any(alive(pid) for pid in pids.values())
    assert "No platform is running" in stopping.stop(home)


def test_down_ends_what_a_killed_platform_left(home: Path, up: Up) -> None:
    process = up()
    pids = recorded(home)
    process.kill()
    process.wait()
    assert within(60, lambda: stopping.running(home) is None)
    assert "triton" in stopping.stop(home)
    assert within(5, lambda: not any(alive(pid) for pid in pids.values()))


def test_only_what_the_records_name_is_ended(home: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        (home / "run").mkdir(parents=True)
        (home / "run" / "triton.json").write_text(
            json.dumps({"pid": stranger.pid, "started": time.time() - 9999})
        )
        with Platform(home):
            assert psutil.Process(stranger.pid).is_running()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_long_log_is_moved_aside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "ROTATE_BYTES", 100)
    with Platform(home) as platform:
        log = platform.services["registry"].log
        with log.open("a") as file:
            file.write("x" * 200 + "\n")
        platform.services["registry"].rotate()
        assert log.stat().st_size == 0
        assert "x" * 200 in log.with_suffix(".log.1").read_text()
