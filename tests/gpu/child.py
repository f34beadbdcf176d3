"""The process of one part: runs a function, and says how it ended."""

import sys
import traceback
from importlib import import_module
from pathlib import Path

from tests.gpu.part import NOT_RUN, RIGHT, WRONG, NotRun, Told, Wrong


def main(name: str, function: str, bundle: Path, file: Path, rehearse: bool) -> int:
    """Run one part; its exit status is of no account, its file is."""
    told = Told(file)
    try:
        getattr(import_module(f"tests.gpu.{name}"), function)(bundle, told, rehearse)
    except NotRun as error:
        told.say(NOT_RUN, str(error))
    except Wrong as error:
        told.say(WRONG, str(error))
    except Exception as error:
        traceback.print_exc()
        told.say(WRONG, f"{type(error).__name__}: {error}"[:1000])
    else:
        told.say(WRONG if told.wrong else RIGHT, "; ".join(told.wrong)[:1000])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5] == "rehearse"))
