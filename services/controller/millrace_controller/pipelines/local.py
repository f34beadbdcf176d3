"""Runs one compiled pipeline on this machine with kfp.local; the only module of the platform that imports kfp.

`python -m millrace_controller.pipelines.local <compiled.yaml> <arguments as JSON> <folder>`

In a pod it is process 1, and its result leaves as the container's termination message (MILLRACE_RESULT).
"""

import fcntl
import json
import os
import signal
import sys
from pathlib import Path
from types import ModuleType

MESSAGE_BYTES = 4096
"""What Kubernetes keeps of a termination message."""


def main() -> int:
    """Run the pipeline and write result.json into the folder; 0 if all its steps succeeded."""
    compiled, arguments, place = Path(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3])
    message = ""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))  # process 1 would not hear it otherwise
    place.mkdir(parents=True, exist_ok=True)
    lock = (place / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # an orphan of a controller that died while it started us ends first
    try:
        _run(compiled, arguments, place)
    except Exception as error:
        message = _last_words(place) or f"{type(error).__name__}: {error}"
        print(message, file=sys.stderr)
    _tell(place, {"ok": not message, "message": message, "final": (place / "final").exists()})
    return 0 if not message else 1


def _tell(place: Path, result: dict[str, object]) -> None:
    staged = place / "result.staged"
    staged.write_text(json.dumps(result))
    os.replace(staged, place / "result.json")
    if os.environ.get("MILLRACE_RESULT"):
        short = result | {"message": str(result["message"])[: MESSAGE_BYTES // 8]}  # at worst 7 bytes a sign
        Path(os.environ["MILLRACE_RESULT"]).write_text(json.dumps(short))


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
