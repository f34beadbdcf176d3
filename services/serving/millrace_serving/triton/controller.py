"""Keeps the wanted revisions loaded and answering: one level-triggered pass, and the first load of a candidate."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from millrace_core.log import log
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import forms, golden, repository
from millrace_serving.triton.client import Triton, TritonError
from millrace_serving.triton.golden import Answers, WrongAnswer
from millrace_serving.triton.loading import Fell, LoadFailed
from millrace_serving.triton.repository import Wanted, WrongBytes
from millrace_serving.triton.tensors import Columns

Fetch = Callable[[Wanted], Awaitable[bytes]]


class Models:
    """The revisions in one Triton."""

    def __init__(self, settings: ServingSettings, triton: Triton, fetch: Fetch, fell: Fell) -> None:
        self.settings = settings
        self.triton = triton
        self.fetch, self.fell = fetch, fell
        self.healthy: dict[str, float] = {}
        """Revisions that answered their golden rows, and when (monotonic)."""
        self.packing: set[str] = set()
        """Those of them that take packed tensors."""
        self.problems: dict[str, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._slots = asyncio.Semaphore(2)

    def forget(self) -> None:
        """Triton was restarted: nothing is loaded."""
        self.healthy.clear()
        self.packing.clear()

    async def load(self, wanted: Wanted) -> None:
        """Bring a revision from the registry into Triton and hold it against its golden rows.

        Where its form cannot be used, the base form takes its place.

        Raises: LoadFailed if it can never work; TritonError or another error if it is worth another try.
        """
        async with self._slots, self._lock(wanted.name):
            if wanted.name in self.healthy and wanted.name in await self.triton.loaded():
                return
            try:
                await self._bring(wanted)
            except LoadFailed as error:
                instead = await self.fell(wanted, str(error))
                if instead is None:
                    raise
                await self._bring(instead)

    async def _bring(self, wanted: Wanted) -> None:
        await self._place(wanted)
        if not await self.triton.live():
            raise TritonError("Triton is not running")
        await self._load(wanted)
        try:
            await self._check(wanted)
        except WrongAnswer as error:
            await self.triton.unload(wanted.name)
            raise LoadFailed(str(error)) from error

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    async def _place(self, wanted: Wanted) -> None:
        try:
            has = await asyncio.to_thread(repository.kept, self.settings, wanted)
            graph = None if has else await self.fetch(wanted)
            await asyncio.to_thread(repository.place, self.settings, wanted, graph)
        except WrongBytes as error:
            raise LoadFailed(str(error)) from error

    async def _load(self, wanted: Wanted) -> None:
        try:
            await self.triton.load(wanted.name, self.settings.load_seconds)
        except TritonError as error:
            if await self.triton.live():
                raise LoadFailed(f"Triton does not load it: {error}") from error
            raise

    async def _check(self, wanted: Wanted) -> None:
        """Compare the golden rows. Raises: WrongAnswer; TritonError if there is no answer at all."""
        columns = golden.columns(wanted.golden.inputs, wanted.signature)
        try:
            answered = await self.triton.infer(wanted.name, columns)
        except TritonError:
            if not await self.triton.live():
                raise
            answered = await self._again(wanted, columns)
        golden.compare(wanted.golden.outputs, answered, wanted.exact)
        if wanted.name not in self.healthy and await forms.packs(self.triton, wanted):
            self.packing.add(wanted.name)
        self.healthy[wanted.name] = time.monotonic()
        self.problems.pop(wanted.name, None)

    async def _again(self, wanted: Wanted, columns: Columns) -> Answers:
        try:
            return await self.triton.infer(wanted.name, columns, timeout=5.0)
        except TritonError as error:
            raise WrongAnswer(f"the golden rows get no answer: {error}") from error

    async def keep(
        self, wanted: Callable[[], Awaitable[Sequence[Wanted]]], busy: Callable[[], set[str]]
    ) -> None:
        """One pass: load what is missing, heal what does not answer, unload what nobody wants.

        The order of the three looks matters: a revision that Triton has is either still being loaded by a rollout
        (*busy*) or stored as wanted already; asked the other way round, a fresh one could be unloaded again.

        Args:
            wanted: reads which revisions must be loaded, the most important first.
            busy: names that another task is loading.
        """
        present = await self.triton.loaded()
        loading = busy()
        items = [item for item in await wanted() if item.name not in loading]
        await asyncio.gather(*(self._restore(item) for item in items if item.name not in present))
        await asyncio.gather(*(self._probe(item) for item in items if item.name in present))
        for name in present - {item.name for item in items} - loading:
            await self.drop(name)

    async def drop(self, name: str) -> None:
        """Unload a revision and remove its files."""
        async with self._lock(name):
            log.info("unloading", revision=name)
            await self.triton.unload(name)
            await asyncio.to_thread(repository.remove, self.settings, name)
            self._unlearn(name)

    async def _restore(self, wanted: Wanted) -> None:
        try:
            await self.load(wanted)
            log.info("loaded again", revision=wanted.name)
        except Exception as error:
            self.problems[wanted.name] = f"cannot be loaded: {error}"
            log.exception("cannot load again", revision=wanted.name)

    async def _probe(self, wanted: Wanted) -> None:
        """A real inference; Triton calls a revision ready even when its process is dead."""
        last = self.healthy.get(wanted.name)
        if last is not None and time.monotonic() - last < self.settings.probe_seconds:
            return
        if last is None and await asyncio.to_thread(repository.outdated, self.settings, wanted):
            self.problems[wanted.name] = "was loaded by another version of serving"
            await self._heal(wanted)
            return
        try:
            await self._check(wanted)
        except (WrongAnswer, TritonError) as error:
            self.problems[wanted.name] = str(error)
            await self._heal(wanted)

    async def _heal(self, wanted: Wanted) -> None:
        """Unload, then load: a mere load does nothing for a revision that is loaded."""
        log.warning("healing", revision=wanted.name, problem=self.problems.get(wanted.name))
        self._unlearn(wanted.name)
        await self.triton.unload(wanted.name)
        await self._restore(wanted)

    def _unlearn(self, name: str) -> None:
        self.healthy.pop(name, None)
        self.packing.discard(name)
