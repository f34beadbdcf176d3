"""Ray Serve: one replica behind its proxy, at the port that is named on loopback, and without its access log.

Ray waits for its own parts for 30 to 60 seconds and then gives up, and no setting makes all of that longer. On a busy
machine they need more: its agents, its node and its proxy were each seen to be late. So each is begun again; a proxy
goes on starting meanwhile, and what was read from the disk is there the next time.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import ray
from ray import serve
from tests.bench.peers.graph import Graph

TRIES = 4
"""How often each of them may be late."""


@serve.deployment(
    num_replicas=1,
    max_ongoing_requests=100,
    ray_actor_options={"num_cpus": 0.5},
    logging_config={"enable_access_log": False},
)
class Served:
    def __init__(self) -> None:
        self.graph = Graph()

    async def __call__(self, request: Any) -> list[float]:
        if request.method == "GET":
            return []
        return self.graph.rows((await request.json())["rows"])


def again(begin: Callable[[], object], over: Callable[[], object]) -> None:
    """*begin* until it does not fail, *over* after each failure. Raises: what the last try raised."""
    for tried in range(TRIES):
        try:
            begin()
        except Exception:  # Ray raises bare ones
            over()
            if tried == TRIES - 1:
                raise
        else:
            return


def node() -> None:
    """This process and Ray's own ones, on this machine alone."""
    ray.init(
        num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20, _node_ip_address="127.0.0.1"
    )


def served(port: int) -> None:
    """The proxy with its replica; what is there already is taken up."""
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(Served.bind())


if __name__ == "__main__":
    again(node, ray.shutdown)
    again(lambda: served(int(sys.argv[1])), lambda: None)
    while True:
        time.sleep(60)
