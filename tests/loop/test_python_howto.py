"""docs/howto/python.md: its blocks are one program, which runs as it stands against a running platform."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "python.md"
pytestmark = [pytest.mark.slow, pytest.mark.loop, pytest.mark.timeout(400)]


def test_the_program_of_the_page_runs_to_its_end(platform, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACE_HOME", str(platform.home))
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 6
    exec(compile("\n".join(blocks), str(PAGE), "exec"), {})
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "promoted 1"
    assert any(line.startswith("gate.verdict passed") for line in said)
