"""Run beside the Triton of a shared pod: keeps in it what serving says, and goes on with that while serving is away.

The pod counts as ready once everything with traffic has been tried since this Triton began, which comes first; what
only stands by follows. What cannot be loaded is left to serving, which sees that it does not answer and leaves it in
pods of its own.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import httpx

from millrace.aio import AsyncMillrace
from millrace.transport.errors import ApiError
from millrace_contracts.models import Golden, ModelVersionRead
from millrace_contracts.standby import StandbyRead, StandbyVersion
from millrace_contracts.variants import BASE_TARGET
from millrace_core.log import log
from millrace_core.reconcile import run_forever
from millrace_core.services import clients
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import repository, source
from millrace_serving.triton.client import Triton, TritonError
from millrace_serving.triton.controller import Fetch, Models
from millrace_serving.triton.loading import LoadFailed
from millrace_serving.triton.repository import Wanted, WrongBytes

WHOLE = "/tmp/whole"  # noqa: S108 - a volume of the pod's own
"""The file whose presence says that all that has traffic has been tried."""
LISTED = "listed.json"
"""What serving said last, beside what is loaded: it outlives this process."""
EVERY_SECONDS = 1.0
PROBE_SECONDS = 15.0
"""Pause between two tries of the golden rows: serving tries them too, and a dead one is loaded again."""
AGAIN_SECONDS = 30.0
"""Pause before what could not be loaded is tried again."""
LARGEST = 128 * 2**20
"""Bytes of the largest graph that is taken while serving does not know its size, and reserves no memory for it."""
GONE = (404, 410)
"""Answers of a registry that has no such graph: waiting for it would keep the others of the pod from being ready."""
Listed = Callable[[], Awaitable[StandbyRead]]
Release = Callable[[StandbyVersion], Awaitable[ModelVersionRead]]


class Holder:
    """What one Triton holds for a project."""

    def __init__(
        self,
        settings: ServingSettings,
        triton: Triton,
        project: str,
        fetch: Fetch,
        listed: Listed,
        release: Release,
    ) -> None:
        self.triton, self.project, self.listed, self.release = triton, project, listed, release
        self._bring = fetch
        self.models = Models(settings, triton, self._fetch, _nothing_else)
        self.linger = settings.drain_seconds + settings.inference_seconds
        self.keeps = repository.folder(settings)
        self.whole = Path(WHOLE)
        self._said: list[StandbyVersion] | None = None
        """What is to be held; None: nobody has said."""
        self._alone = False
        """Whether serving does not answer."""
        self._seen: dict[str, float] = {}
        """When each was last asked for (monotonic): requests under way still find it a while later."""
        self._failed: dict[str, float] = {}
        """When each was found to be of no use here."""
        self._away: set[str] = set()
        """Those that the registry could not give in this pass: they have not been tried."""
        self._known: dict[tuple[str, str], Wanted] = {}

    async def once(self) -> None:
        """One pass: hear what is wanted, load and unload, and say whether all of it has been tried."""
        await self._hear()
        if self._said is None:
            return
        try:
            await self._keep(self._said)
        except TritonError:
            self.whole.unlink(missing_ok=True)
            self.models.forget()
            raise

    async def _hear(self) -> None:
        """What serving says; what it said last while it does not answer."""
        kept = self.keeps / LISTED
        try:
            told = await self.listed()
        except (ApiError, httpx.HTTPError, OSError) as error:
            if not self._alone:
                log.warning("serving does not say what to hold", error=type(error).__name__)
            self._alone = True
            if self._said is None and kept.exists():
                self._said = StandbyRead.model_validate_json(kept.read_text()).items
            return
        self._alone = False
        if self._said != told.items:
            staged = kept.with_suffix(".new")
            staged.write_text(told.model_dump_json())
            staged.replace(kept)
        self._said = told.items

    async def _keep(self, said: list[StandbyVersion]) -> None:
        now, names = time.monotonic(), {item.name for item in said}
        present = await self.triton.loaded()
        self._note(names, present, now)
        due = [item for item in said if self._due(item.name, now)]
        answering = {item.name for item in said if item.answers}
        if not self.whole.exists():
            await self._restore([item for item in due if item.answers])
            self._judge(answering, now)
            self._tried(answering)
        await self._restore(due)
        self._judge(names, now)
        self._failed = {name: at for name, at in self._failed.items() if name in names}
        self._tried(answering)

    async def _restore(self, due: Sequence[StandbyVersion]) -> None:
        """Load these and try them again; what else is there stays, but for what nobody asks for any more."""
        items = [found for item in due if (found := await self._wanted(item)) is not None]
        untouched = self._seen.keys() - {item.name for item in items}

        async def wanted() -> Sequence[Wanted]:
            return items

        await self.models.keep(wanted, lambda: untouched)

    def _judge(self, names: set[str], now: float) -> None:
        """Note which of *names* were of no use here; those that the registry could not give have not been tried."""
        for name in names - self.models.healthy.keys() - self._away:
            self._failed.setdefault(name, now)
        for name in names & self.models.healthy.keys():
            self._failed.pop(name, None)
        self._away.clear()

    def _tried(self, answering: set[str]) -> None:
        """Take requests once everything with traffic was tried."""
        if answering <= self.models.healthy.keys() | self._failed.keys():
            self.whole.touch()

    def _note(self, names: set[str], present: set[str], now: float) -> None:
        """See what is there and what is wanted, and whether this Triton has begun again."""
        if not self._seen:
            self._seen = dict.fromkeys(present, now)
        recent = {name: at for name, at in self._seen.items() if now - at < self.linger}
        self._seen = recent | dict.fromkeys(names, now)
        if names & (self.models.healthy.keys() - present):
            self.whole.unlink(missing_ok=True)
            self.models.forget()

    def _due(self, name: str, now: float) -> bool:
        """Whether it may be tried: what failed rests a while."""
        if now - self._failed.get(name, now) > AGAIN_SECONDS:
            del self._failed[name]
        return name not in self._failed

    async def _fetch(self, item: Wanted) -> bytes:
        try:
            return await self._bring(item)
        except (ApiError, httpx.HTTPError) as error:
            if isinstance(error, ApiError) and error.status in GONE:
                raise LoadFailed("the registry has no bytes of its graph") from error
            self._away.add(item.name)
            raise

    async def _wanted(self, item: StandbyVersion) -> Wanted | None:
        """The revision with what the registry keeps of it; None, and told, if that cannot be had now."""
        key = item.name, item.digest
        if key not in self._known:
            try:
                self._known[key] = revision(item, self.project, await self.release(item))
            except (WrongBytes, ValueError) as error:
                log.warning("cannot be held", revision=item.name, error=str(error)[:200])
                return None
            except (ApiError, httpx.HTTPError) as error:
                self._away.add(item.name)
                log.warning("the registry does not answer", revision=item.name, error=type(error).__name__)
                return None
        return self._known[key]


def revision(item: StandbyVersion, project: str, version: ModelVersionRead) -> Wanted:
    """What Triton has to load, from what the registry keeps of the version."""
    golden = Golden.model_validate(version.golden)
    own = next((form.golden for form in version.variants if form.target == item.target), {})
    exact = item.target == BASE_TARGET or bool(own)
    if own and item.target != BASE_TARGET:
        golden = Golden(inputs=golden.inputs, outputs=own)
    return Wanted(
        name=item.name,
        model=item.model,
        project=project,
        version=item.version,
        digest=item.digest,
        signature=version.signature,
        golden=golden,
        target=item.target,
        exact=exact,
        size=item.size,
    )


async def _nothing_else(item: Wanted, why: str) -> Wanted | None:
    """A form that cannot be used here may be used in pods of its own: nothing takes its place."""
    return None


def bounded(platform: AsyncMillrace, project: str) -> Callable[[Wanted], Awaitable[bytes]]:
    """Brings graphs that are no larger than what the pod has memory for."""

    async def fetch(item: Wanted) -> bytes:
        found, most = bytearray(), LARGEST if item.size is None else item.size
        async for chunk in source.chunks(platform, project, item.digest):
            found += chunk
            if len(found) > most:
                raise LoadFailed(f"its graph is larger than the {most} bytes for which there is memory")
        return bytes(found)

    return fetch


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", required=True)
    parser.add_argument("--models", type=Path, required=True, help="Triton's model repository")
    parser.add_argument("--triton", required=True)
    parser.add_argument(
        "--whole", type=Path, default=Path(WHOLE), help="the file that says that all was tried"
    )
    return parser.parse_args()


async def run(settings: ServingSettings, given: argparse.Namespace) -> None:
    """Hold what serving says until this process is told to end."""
    place = repository.folder(settings)
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        place.symlink_to(given.models)
    triton = Triton(given.triton, os.environ.get("POD_UID", ""))
    async with clients(settings) as platform:

        async def release(item: StandbyVersion) -> ModelVersionRead:
            return await source.release(
                platform, given.project, item.model, item.version, item.digest, item.target
            )

        holder = Holder(
            settings,
            triton,
            given.project,
            bounded(platform, given.project),
            lambda: platform.serving.standby(project=given.project),
            release,
        )
        holder.whole = given.whole
        await run_forever("holding", holder.once, every=EVERY_SECONDS, backoff_max=5.0)


def main() -> int:
    asyncio.run(run(ServingSettings(), _arguments()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
