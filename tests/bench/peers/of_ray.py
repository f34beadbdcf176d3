"""Ray Serve: one replica behind its proxy, at the port that is named."""

import os
import sys
import time
from typing import Any

import ray
from ray import serve
from tests.bench.peers.graph import ENVIRONMENT, Graph


@serve.deployment(num_replicas=1, max_ongoing_requests=100, ray_actor_options={"num_cpus": 0.5})
class Served:
    def __init__(self) -> None:
        self.graph = Graph()

    async def __call__(self, request: Any) -> list[float]:
        if request.method == "GET":
            return []
        return self.graph.rows((await request.json())["rows"])


if __name__ == "__main__":
    environment = {"env_vars": {ENVIRONMENT: os.environ[ENVIRONMENT]}}
    ray.init(num_cpus=2, include_dashboard=False, runtime_env=environment, object_store_memory=100 * 2**20)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Served.bind())
    while True:
        time.sleep(60)
