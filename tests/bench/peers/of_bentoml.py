"""BentoML: a service with one worker."""

import bentoml
from tests.bench.peers.graph import Graph


@bentoml.service(workers=1)
class Service:
    def __init__(self) -> None:
        self.graph = Graph()

    @bentoml.api
    def predict(self, rows: list[dict[str, float]]) -> list[float]:
        return self.graph.rows(rows)
