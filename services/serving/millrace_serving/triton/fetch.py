"""Run before Triton in its pod: brings one graph by digest from the registry and writes what Triton needs beside it.

The last line it prints says why it could not; with exit status HOPELESS no other attempt would do better.
"""

import argparse
import asyncio
import hashlib
import json
import shutil
import sys
from pathlib import Path

import httpx

from millrace.aio import AsyncMillrace
from millrace.transport.errors import ApiError
from millrace_contracts.variants import BASE_TARGET, TARGETS
from millrace_core.services import clients
from millrace_serving.settings import ServingSettings
from millrace_serving.triton import node, source
from millrace_serving.triton.engine import EngineKey, StaleEngine, take
from millrace_serving.triton.manifests import RUNTIMES, config_text
from millrace_serving.triton.repository import GRAPH, RUNNER, WrongBytes

HOPELESS = 3
ENGINES, PLAN = Path("/engines"), "model.plan"
MESSAGE = Path("/dev/termination-log")
"""What Kubernetes keeps of a container that has ended."""
FIELDS = ("name", "project", "model", "digest", "device")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for field in FIELDS:
        parser.add_argument(f"--{field}", required=True)
    parser.add_argument("--version", type=int, required=True)
    parser.add_argument("--target", choices=TARGETS, default=BASE_TARGET)
    parser.add_argument("--backend", choices=sorted(RUNTIMES), required=True)
    parser.add_argument("--engine", type=EngineKey.model_validate_json)
    parser.add_argument("--runtimes", type=json.loads, default={})
    parser.add_argument("--into", type=Path, required=True)
    return parser.parse_args()


async def fetch(settings: ServingSettings, platform: AsyncMillrace, wanted: argparse.Namespace) -> None:
    """Write the model repository. Raises: WrongBytes; ApiError; httpx.HTTPError; OSError."""
    version = await source.release(
        platform, wanted.project, wanted.model, wanted.version, wanted.digest, wanted.target
    )
    folder = wanted.into / wanted.name
    (folder / "1").mkdir(parents=True, exist_ok=True)
    if wanted.engine is not None:
        take(ENGINES, wanted.engine, folder / "1" / PLAN)
    else:
        await _graph(platform, wanted, folder / "1" / GRAPH)
    if wanted.backend == "python":
        shutil.copyfile(RUNNER, folder / "1" / "model.py")
    text = config_text(
        wanted.name,
        version.signature,
        wanted.digest,
        settings.max_batch_rows,
        settings.triton_instances,
        wanted.backend,
        wanted.device,
        wanted.target,
    )
    (folder / "config.pbtxt").write_text(text)


def tell_node(runtimes: dict[str, str], place: Path = MESSAGE) -> None:
    """Leave the kinds of this node as the container's last words: forms are chosen by them."""
    if place.exists():
        place.write_text(json.dumps({"nodes": sorted(node.keys(runtimes))}))


async def _graph(platform: AsyncMillrace, wanted: argparse.Namespace, path: Path) -> None:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        async for chunk in source.chunks(platform, wanted.project, wanted.digest):
            digest.update(chunk)
            file.write(chunk)
    if (sent := f"sha256:{digest.hexdigest()}") != wanted.digest:
        raise WrongBytes(f"the registry sent {sent} instead of {wanted.digest}")


async def _run(settings: ServingSettings, wanted: argparse.Namespace) -> None:
    async with clients(settings) as platform:
        await fetch(settings, platform, wanted)


def main() -> int:
    """Exit status: 0, HOPELESS, or 1 when another attempt may do better."""
    wanted = _arguments()
    try:
        asyncio.run(_run(ServingSettings(), wanted))
        tell_node(wanted.runtimes)
    except (WrongBytes, StaleEngine) as error:
        print(error, file=sys.stderr)
        return HOPELESS
    except (ApiError, httpx.HTTPError, OSError) as error:
        print(f"the registry cannot be read: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
