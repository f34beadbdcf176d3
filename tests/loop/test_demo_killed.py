"""Every process of the demo is killed, some more than once, while it replays: it goes on by itself to the same end."""

import json
import random
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PARTS = (
    "millrace_registry.main", "millrace_training.main", "millrace_serving.main", "millrace_monitoring.main",
    "millrace_controller.main", "tritonserver --id", "envoy -c",
)  # fmt: skip
PAUSE = 4.0
"""Mean seconds between two kills: now and then one dies while another is still starting."""


def found(part, home):
    """The process of *part* that belongs to the demo in *home*, if it runs."""
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if part not in line:
            continue
        try:
            if home in line or home in process.environ().get("MILLRACE_HOME", ""):
                return process
        except psutil.Error:
            continue
    return None


def test_the_demo_goes_on_while_each_of_its_processes_is_killed_again_and_again(tmp_path):
    said, home = tmp_path / "said.txt", str(tmp_path / "demo")
    command = [sys.executable, "-m", "millrace.demo", "--through", "2013-04-20", "--out", home]
    with said.open("wb") as output:
        demo = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            killed = kill_until_it_ends(demo, said, home)
        finally:
            if demo.poll() is None:
                demo.send_signal(signal.SIGINT)
                demo.wait(60)
    text = said.read_text()
    summary = json.loads(re.search(r'^\{"loop_runs".*$', text, re.MULTILINE)[0])
    assert set(killed) == set(PARTS)
    assert summary["requests"]["failed"] == 0
    assert (summary["loop_runs"], summary["promotions"]) == (2, 2)
    lost = summary["predictions"]["lost"]
    assert lost == 0 or "envoy -c" in killed, "only what a killed gateway held may be lost"
    assert lost < 0.1 * summary["predictions"]["logged"]


def kill_until_it_ends(demo, said, home):
    """Kill one part after the other, in a seeded order; returns which were killed."""
    draw, killed, order = random.Random(7), [], []
    while demo.poll() is None:
        if "replaying" not in said.read_text():
            time.sleep(0.2)
            continue
        order = order or draw.sample(PARTS, len(PARTS))
        process = found(order.pop(), home)
        if process is not None:
            part = next(part for part in PARTS if part in " ".join(process.cmdline()))
            process.kill()
            killed.append(part)
        time.sleep(PAUSE * (0.5 + draw.random()))
    return killed
