"""What fits now, for whoever has runs that wait to be opened."""

from fastapi import APIRouter

from millrace_contracts.room import AtWork, RoomRead, RoomWrite, SizeRoom
from millrace_core.auth import permit
from millrace_training.jobs import queries
from millrace_training.jobs.states import State
from millrace_training.kinds import KINDS
from millrace_training.launch.room import Room
from millrace_training.launch.sizes import Size
from millrace_training.services import CurrentServices, Services
from millrace_training.tables import Job

router = APIRouter(prefix="/v1", tags=["jobs"])
COUNTED = 50
"""More of one size than this need not be told."""


@router.post("/room", response_model=RoomRead, dependencies=[permit("training.room.write")])
async def room(services: CurrentServices, asked: RoomWrite) -> RoomRead:
    """What fits now of each size, beside what runs; in all projects together."""
    async with services.readers() as session:
        jobs = await queries.active(session)
    heavy = [job for job in jobs if KINDS[job.kind].heavy and job.state == State.RUNNING]
    wanted = [await services.launcher.run_size(size) for size in asked.sizes]
    found = [await _of(services, size, jobs, len(heavy)) for size in wanted]
    return RoomRead(sizes=found, at_work=_at_work(heavy))


async def _of(services: Services, size: Size, jobs: list[Job], heavy: int) -> SizeRoom:
    places = services.settings.heavy_jobs
    fits, lacks = fitting(await services.launcher.room(jobs), size, places - heavy)
    if not lacks and fits == places - heavy:
        lacks = "the place is taken" if places == 1 else f"all {places} places are taken"
    return SizeRoom(kind=size.kind, needs=size.told(), fits=fits, lacks="" if fits else lacks)


def fitting(room: Room, size: Size, places: int) -> tuple[int, str]:
    """How many of a size the room takes, and what one more would lack."""
    count = 0
    while count < min(places, COUNTED):
        if lacks := room.lacks(size):
            return count, lacks
        room.take(size)
        count += 1
    return count, ""


def _at_work(jobs: list[Job]) -> list[AtWork]:
    return [
        AtWork(project=job.project, loop=job.loop, run=job.loop_run)
        for job in jobs
        if job.loop is not None and job.loop_run is not None
    ]
