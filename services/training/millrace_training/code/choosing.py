"""Which place the code of a job runs at: this machine, the container beside this one, or the workers of a cluster."""

import os
from collections.abc import Callable
from pathlib import Path

from millrace_contracts.custom_code import CodeSpec
from millrace_contracts.workers import Workers
from millrace_training.code import place
from millrace_training.runtime.executors import RAY_ADDRESS


def of(folder: Path, code: CodeSpec, team: Workers | None, is_cancelled: Callable[[], bool]) -> place.Place:
    """Where the code that lies in *folder* runs."""
    address = os.environ.get(RAY_ADDRESS)
    if team is not None and address:
        from millrace_training.code.crew import Crew

        return Crew(folder, code, team, address, is_cancelled)
    if os.environ.get(place.BESIDE):
        return place.Pod(folder, code, team)
    return place.Here(folder, code, team)
