"""What the training service has at hand besides core's part: where jobs run, their folders, streams, and who waits."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends

from millrace_core import services
from millrace_training.launch import launcher
from millrace_training.launch.launcher import Launcher
from millrace_training.runtime.folder import JobFolder
from millrace_training.settings import TrainingSettings
from millrace_training.spool import Spool
from millrace_training.wakeups import Changes, Wakeup


@dataclass(frozen=True, kw_only=True)
class Services(services.Services):
    """The training service's object."""

    settings: TrainingSettings
    launcher: Launcher
    wakeup: Wakeup
    changes: Changes
    streamed: asyncio.Event
    """Set when a stream is to be delivered at once."""
    spool: Spool[Any, Any]
    """Keeps the batches of streams."""

    def folder(self, id: str) -> JobFolder:
        """The files of job *id*."""
        return self.settings.job_folder(id)


def make(core: services.Services) -> Services:
    """The service's own object out of core's part."""
    settings, wakeup = cast(TrainingSettings, core.settings), Wakeup()
    where = launcher.make(settings, settings.job_folder, wakeup.event)
    return Services(
        **vars(core),
        launcher=where,
        wakeup=wakeup,
        changes=Changes(),
        streamed=asyncio.Event(),
        spool=Spool(core.direct),
    )


CurrentServices = Annotated[Services, Depends(services.provider(Services))]
