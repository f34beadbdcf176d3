"""What launchers of one machine share: no job has a size, and none has to find room elsewhere."""

from millrace_contracts.room import RunSize
from millrace_training.launch.room import Anywhere, Room
from millrace_training.launch.sizes import Size
from millrace_training.tables import Job


class OneMachine:
    """A launcher on a machine whose places are counted where turns are taken."""

    async def survey(self) -> bool:
        """Every job is looked at by itself."""
        return True

    async def room(self, jobs: list[Job]) -> Room:
        """On one machine there are places, which are counted where turns are taken."""
        return Anywhere()

    async def size(self, job: Job) -> Size:
        return Size()

    async def run_size(self, asked: RunSize) -> Size:
        return Size()
