"""Baselines of model versions by digest, read once and kept."""

import asyncio
from collections import OrderedDict

from millrace_monitoring.graphs.files import FetchedFiles
from millrace_monitoring.profiles import baseline
from millrace_monitoring.profiles.baseline import Baseline

KEPT = 32
"""Baselines kept in memory; the oldest goes first."""


class Baselines:
    """What was normal when each version was trained."""

    def __init__(self, files: FetchedFiles) -> None:
        self._files = files
        self._kept: OrderedDict[str, Baseline] = OrderedDict()

    async def read(self, project: str, digest: str) -> Baseline:
        """The baseline with *digest* (errors as of FetchedFiles.read; ValueError if it is none)."""
        if digest not in self._kept:
            data = await self._files.read(project, digest)
            self._kept[digest] = await asyncio.to_thread(baseline.parse, data)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[digest]
