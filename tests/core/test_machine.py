"""What this machine has is counted by its devices."""

import pytest

from millrace_core import machine


@pytest.mark.parametrize(("shown", "counted"), [(None, 2), ("0", 1), ("", 0), ("-1", 0), ("0,1,2", 2)])
def test_gpus_are_devices_that_are_not_hidden(tmp_path, monkeypatch, shown, counted):
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    monkeypatch.setattr(machine, "DEVICES", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    assert machine.gpus() == counted
    assert machine.cpus() >= 1
