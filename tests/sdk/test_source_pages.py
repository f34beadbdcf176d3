"""The how-tos about sources say what is so: their documents are taken, and their commands exist."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from millrace.cli.main import app
from millrace.documents import load
from millrace_contracts.loop import ModelLoop
from millrace_contracts.sources import Secret

HOWTO = Path(__file__).parents[2] / "docs" / "howto"
PAGES = ("postgresql", "bucket")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def documents(page):
    """Name and text of every file of a page."""
    text = (HOWTO / f"{page}.md").read_text()
    return {body.splitlines()[0][2:]: body for kind, body in BLOCK.findall(text) if kind == "yaml"}


@pytest.mark.parametrize("page", PAGES)
def test_the_loops_of_a_page_are_taken(page, tmp_path):
    loops = 0
    for name, text in documents(page).items():
        known = yaml.safe_load(text)
        if known.get("kind") == "ModelLoop":
            (tmp_path / name).write_text(text)
            loop = load(tmp_path / name)
            assert loop.spec.data.source.polled() is not None
            ModelLoop.model_validate(loop.document())
            loops += 1
    assert loops


def test_the_secret_of_the_page_is_the_one_that_jobs_are_given():
    files = documents("postgresql")
    secret = yaml.safe_load(files["secret.yaml"])
    named = Secret.model_validate(yaml.safe_load(files["password.yaml"])["password"]).secret_ref
    assert secret["metadata"]["name"] == f"source.default.{named.name}"
    assert named.key in secret["stringData"]


@pytest.mark.parametrize(("page", "least"), [("postgresql", 3), ("bucket", 3), ("stream", 2)])
def test_the_commands_of_a_page_exist(page, least):
    text = (HOWTO / f"{page}.md").read_text()
    lines = re.findall(r"^\$ (?:\S+=\S+ |\S+='.*?' )?millrace (.+)$", text, re.MULTILINE)
    assert len(lines) >= least
    for line in lines:
        words = [word for word in shlex.split(line) if not word.startswith("-")]
        command = words[:2] if words[0] in ("sources", "data") else words[:1]
        assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0, line
