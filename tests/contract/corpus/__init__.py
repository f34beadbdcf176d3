"""One corpus of documents, accepted and refused; every reader of documents is shown all of it."""

from pathlib import Path

import yaml

FOLDER = Path(__file__).parent


def cases():
    """(name, case) of every document, in order of the files."""
    return [
        (f"{file.stem}: {case['name']}", case)
        for file in sorted(FOLDER.glob("*.yaml"))
        for case in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]
