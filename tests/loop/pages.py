"""Pages of docs/howto as programs: their commands in one shell, against a running platform."""

import os
import re
import subprocess
import sys
from pathlib import Path

HOWTO = Path(__file__).parents[2] / "docs" / "howto"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REFUSED = re.compile(r"^(.*?) +# refused$")


def lines_of(text):
    """The commands of blocks that name no language, line by line."""
    return "".join(block for language, block in FENCE.findall(text) if not language).splitlines()


def script(page, until, at_least=10, refused=1):
    """Commands from "On this machine" to the heading *until*; one that is refused says so if it is not.

    More than *at_least* lines must be found, and exactly *refused* of them.
    """
    text = (HOWTO / page).read_text()
    lines = lines_of(text[text.index("## On this machine") : text.index(until)])
    assert len(lines) > at_least
    made = [REFUSED.sub(r"if \1; then echo it was not refused; exit 9; fi", line) for line in lines]
    assert sum(line.startswith("if ") for line in made) == refused
    return "\n".join(["set -eu", *made])


def shell(platform, folder, text, timeout=380, **more):
    """Run *text* as the platform's owner, with the environment variables *more*; the process as it ended."""
    environment = os.environ | {
        "MILLRACE_HOME": str(platform.home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    return subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env=environment | more,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
