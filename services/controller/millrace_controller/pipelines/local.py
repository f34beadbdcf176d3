"""Runs one compiled pipeline on this machine with kfp.local; the only module of the platform that imports kfp.

`python -m millrace_controller.pipelines.local <compiled.yaml> <arguments as JSON> <folder>`
"""

import json
import os
import sys
from pathlib import Path
from types import ModuleType

from millrace_core import child


def main() -> int:
    """Run the pipeline and write result.json into the folder; 0 if all its steps succeeded."""
    compiled, arguments, place = Path(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3])
    lock, message = child.begin(place), ""
    with lock:
        try:
            _run(compiled, arguments, place)
        except Exception as error:
            message = _last_words(place) or f"{type(error).__name__}: {error}"
            print(message, file=sys.stderr)
        return child.tell(place, message, (place / "final").exists())


def _run(compiled: Path, arguments: dict[str, object], place: Path) -> None:
    _without_client()
    from kfp import components, local

    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(place / "outputs"),
        raise_on_error=True,
    )
    os.environ["MILLRACE_RUN_FOLDER"] = str(place)
    components.load_component_from_file(str(compiled))(**arguments)


def _without_client() -> None:
    """Give kfp an empty client module: the real one takes a second to import, and a local run calls no server."""
    stand_in = ModuleType("kfp.client")
    stand_in.Client = object  # type: ignore[attr-defined]
    sys.modules.setdefault("kfp.client", stand_in)


def _last_words(place: Path) -> str:
    """What the failed step wrote down for people."""
    try:
        return (place / "failure").read_text()[:2000]
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
