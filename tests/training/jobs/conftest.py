"""Lets the service run the tests' own jobs."""

import importlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.fixture(autouse=True)
def work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `work` importable here and in every child, and the `train` kind run it."""
    from millrace_training import kinds

    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(FOLDER), before))))
    monkeypatch.syspath_prepend(str(FOLDER))
    train = kinds.Kind(importlib.import_module("work").run, heavy=True)
    monkeypatch.setitem(kinds.KINDS, "train", train)
    monkeypatch.setitem(kinds.KINDS, "evaluate", replace(train, first=True))
