"""What one part of the run says, from a process of its own: what a driver does to it, it does to that part alone.

It says what it finds as it finds it, so that what ran before a crash or the end of its time is kept.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RIGHT, WRONG, NOT_RUN = "right", "wrong", "not run"


class NotRun(Exception):
    """The part cannot run on this machine; the text says why."""


class Wrong(Exception):
    """It ran, and came to something that is not right."""


@dataclass
class Told:
    """What a part says, kept in *file* after each word."""

    file: Path
    figures: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, **figure: Any) -> None:
        """One more result."""
        self.figures.append(figure)
        self.say(None, "")

    def say(self, state: str | None, why: str) -> None:
        """How it stands; None: it goes on."""
        told = {"state": state, "why": why, "figures": self.figures}
        staged = self.file.with_suffix(".new")
        staged.write_text(json.dumps(told))
        staged.replace(self.file)
