"""What is said of ModelLoops when their release is uninstalled: nobody answers for them any more.

`python -m millrace_controller.operator.farewell RELEASE [NAMESPACE …]` runs once, after everything else of the release
is gone; without a namespace it speaks of all. A release that is installed again says anew how its loops stand.
"""

import argparse
import asyncio
import copy
from datetime import UTC, datetime

from millrace.crd import KIND
from millrace_controller.operator import manifests
from millrace_controller.operator.documents import API_VERSION, Resource, slim
from millrace_controller.operator.manifests import Status
from millrace_core.errors import MillraceError, NotFound
from millrace_core.kubernetes import Cluster

REASON = "Uninstalled"
QUIET, MOST = 2, 10
"""Looks in a row that find nothing to say, and looks at most: a controller that ends may speak once more."""
PAUSE = 3.0
PAGE = 100


def told(status: Status, release: str, now: str) -> Status:
    """The status of a loop that nobody keeps; what it was, its champion among it, stays to be read."""
    after = copy.deepcopy(status)
    words = f"The release {release} that kept it is uninstalled; installed again on its volumes, it goes on."
    said = {"status": "False", "reason": REASON, "message": words}
    for condition in after.get("conditions") or []:
        if condition["type"] not in ("Ready", "Progressing") or condition["reason"] == REASON:
            continue
        changed = condition["status"] != "False"
        condition |= said | ({"lastTransitionTime": now} if changed else {})
    if after.get("phase") is not None:
        after["phase"] = "Pending"
    return after


async def say(cluster: Cluster, release: str, namespaces: list[str]) -> int:
    """Tell it of every loop that has a status; how many had to be told. Raises: MillraceError."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    count = 0
    spaces: list[str | None] = [*namespaces] or [None]
    for space in spaces:
        found = await cluster.list(KIND, space, api_version=API_VERSION, keep=slim, page=PAGE)
        for resource in found:
            count += await _one(cluster, resource, release, now)
    return count


async def _one(cluster: Cluster, resource: Resource, release: str, now: str) -> bool:
    meta, before = resource["metadata"], resource["status"]
    change = manifests.patch(before, told(before, release, now))
    if not change:
        return False
    try:
        await cluster.patch_status(KIND, meta["name"], meta["namespace"], API_VERSION, change)
    except NotFound:
        return False
    return True


async def part(cluster: Cluster, release: str, namespaces: list[str]) -> None:
    """Say it until nobody contradicts."""
    quiet = 0
    for _ in range(MOST):
        count = await say(cluster, release, namespaces)
        print(f"{count} loops are told that {release} is uninstalled", flush=True)
        quiet = 0 if count else quiet + 1
        if quiet == QUIET:
            return
        await asyncio.sleep(PAUSE)


def main() -> None:
    """Read the arguments and say it. A cluster that does not listen keeps nobody from uninstalling."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release")
    parser.add_argument("namespaces", nargs="*")
    given = parser.parse_args()
    try:
        asyncio.run(part(Cluster.here(), given.release, given.namespaces))
    except MillraceError as error:
        print(f"the loops' statuses stay as they were: {error.detail}", flush=True)


if __name__ == "__main__":
    main()
