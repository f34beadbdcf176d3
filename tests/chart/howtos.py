"""Reads a how-to: its files, and the commands that its shell blocks really run, without a cluster.

A block of YAML, SQL or settings begins with a comment that is the name of its file. A block without a language is run
by bash, among those files, with stand-ins for whatever needs a cluster: they write down how they were called.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.chart.rendering import ROOT

HOWTO = ROOT / "docs" / "howto"
PAGES = (
    "platform",
    "production",
    "gpu",
    "kubeflow",
    "openlineage",
    "kuberay",
    "grpc",
    "gitops",
    "upgrade",
    "backup",
    "team",
    "approvals",
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"^(?:#|--) ([\w./-]+\.\w+)$")
STOOD_IN = ("kubectl", "helm", "millrace", "pg_dump", "pg_restore", "python", "curl")
ORDINARY = ("bash", "sh", "sed", "rm", "cat", "tar", "env", "grep", "sleep")
STAND_IN = """#!{python}
import json, os, sys
name = os.path.basename(sys.argv[0])
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([name, *sys.argv[1:]]) + "\\n")
if "-" in sys.argv:
    sys.stdin.read()
replies = json.loads(os.environ["REPLIES"])
print(next((said for words, said in replies if set(words.split()) <= set(sys.argv)), ""))
"""
LISTED = """\
apiVersion: v1
items:
- apiVersion: millrace.dev/v1alpha1
  kind: ModelLoop
  metadata:
    creationTimestamp: "2026-11-20T15:00:00Z"
    generation: 3
    name: sales
    namespace: team-a
    resourceVersion: "12"
    uid: 8d1c
  spec:
    data: {dataset: sales}
    target: y
    task: regression
  status: {phase: Serving}
kind: List
"""
REPLIES = (
    ("get modelloops yaml", LISTED),
    ("create token", "a-token"),
    ("jsonpath={.spec.volumeName}", "pvc-1"),
    ("jsonpath={.items[0].spec.nodeName}", "node-1"),
    ("keys create", "mlr_a-key"),
    ("port-forward", "Forwarding from 127.0.0.1:40000 -> 8000"),
    ("quarantine list json", '[\n  {\n    "id": 3,\n    "dataset": "penguins"\n  }\n]'),
)
BESIDE = ("charts", "k8s", "tests")
"""Folders of the repository that commands name."""
Document = dict[str, Any]


class Mistake(Exception):
    """The page is wrong; the text says where."""


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and the name of the file that it is, if it is one."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """Raises: Mistake for a block in a language that does not name its file."""
        named = NAMED.match(self.text.partition("\n")[0])
        if self.language and named is None:
            raise Mistake(f"this block of {self.language} does not name its file: {self.text[:60]!r}")
        return named[1] if self.language and named else None


def page(name: str) -> str:
    return (HOWTO / f"{name}.md").read_text()


def blocks(text: str) -> list[Block]:
    """Every fenced block, in order."""
    return [Block(language, body) for language, body in FENCE.findall(text)]


def lay_out(text: str, folder: Path) -> list[Path]:
    """Write the files of a page into *folder*, beside the repository's own charts and manifests."""
    for name in BESIDE:
        (folder / name).symlink_to(ROOT / name)
    made = []
    for block in blocks(text):
        if block.file:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
            made.append(path)
    return made


def script(text: str) -> str:
    """All that the page's shell blocks say, as one script; a line that begins with `!` ends it if it succeeds."""
    lines = "".join(block.text for block in blocks(text) if not block.language).splitlines(keepends=True)
    return "".join(_refusing(line[2:].rstrip()) if line.startswith("! ") else line for line in lines)


def _refusing(command: str) -> str:
    return f"if {command}; then echo {shlex.quote('not refused: ' + command)}; exit 9; fi\n"


def documents(path: Path) -> list[Document]:
    return [found for found in yaml.safe_load_all(path.read_text()) if found]


def calls(text: str, folder: Path) -> list[list[str]]:
    """How the blocks of a page call the tools that need a cluster. Raises: Mistake if bash refuses a block."""
    tools = folder / ".tools"
    _stand_ins(tools)
    log = folder / ".calls"
    log.touch()
    environment = {"PATH": str(tools), "CALLS": str(log), "REPLIES": json.dumps(REPLIES), "HOME": str(folder)}
    for block in blocks(text):
        if not block.language:
            command = ["bash", "-euo", "pipefail", "-c", block.text]
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise Mistake(f"{block.text}\n{done.stderr}")
    return [json.loads(line) for line in log.read_text().splitlines()]


def _stand_ins(tools: Path) -> None:
    """Nothing but these and a few ordinary tools can be called."""
    tools.mkdir()
    for name in STOOD_IN:
        (tools / name).write_text(STAND_IN.format(python=sys.executable))
        (tools / name).chmod(0o755)
    for name in ORDINARY:
        found = shutil.which(name, path=os.defpath)
        assert found, f"{name} is not installed"
        (tools / name).symlink_to(found)
