"""Measure one pod against the gateway in front of it; runs behind the source of tests/bench/load.py.

Arguments: project, loop, "host:port/path" of the model in one Triton pod, file with rows as JSON.
"""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import ParseResult, urlparse

from millrace.client import Millrace
from millrace.oip import columns_from_rows, encode
from millrace.transport.tokens import shown_token
from millrace_contracts.endpoints import GatewayRead
from millrace_contracts.signature import Signature

if TYPE_CHECKING:
    from tests.bench.load import Load, request, run

CONNECTIONS, ROUNDS, SECONDS = 16, 5, 2.0
"""Both sides take turns: a machine that is slower for a while is slower for both."""


def settled(client: Millrace) -> GatewayRead:
    """The gateway's counters once they stand still."""
    seen = None
    while True:
        now = client.serving.gateway()
        if (now.logs_written, now.logs_dropped) == seen:
            return now
        seen = (now.logs_written, now.logs_dropped)
        time.sleep(2.0)


def requests(url: ParseResult, rows: list[dict[str, Any]], signature: Signature) -> list[bytes]:
    """One request for each row."""
    made, shown = [], shown_token()
    token = shown if isinstance(shown, str) else shown()
    for number, row in enumerate(rows):
        body, headers = encode(columns_from_rows({name: [value] for name, value in row.items()}, signature))
        more = {"x-millrace-key": f"user-{number}", "authorization": f"Bearer {token}"}
        made.append(request(url.path, url.netloc, body, headers | more))
    return made


def main(project: str, loop: str, direct: str, file: str) -> None:
    rows = json.loads(Path(file).read_text())
    client = Millrace.from_environment(project)
    signature = client.registry.version(loop, 1).signature
    urls = {"direct": urlparse(f"http://{direct}"), "gateway": urlparse(client.serving.endpoint(loop).url)}
    ready = {name: requests(url, rows, signature) for name, url in urls.items()}
    before = settled(client)
    loads: dict[str, list[Load]] = {name: [] for name in urls}
    for _ in range(1 + ROUNDS):
        for name, url in urls.items():
            loads[name].append(run(url.port or 80, ready[name], CONNECTIONS, SECONDS, url.hostname or ""))
    after = settled(client)
    failures = sum(item.failures for several in loads.values() for item in several)
    warm = {name: several[1:] for name, several in loads.items()}
    rates = {name: sum(item.rate for item in several) / ROUNDS for name, several in warm.items()}
    found = {
        "direct_per_second": rates["direct"],
        "gateway_per_second": rates["gateway"],
        "gateway_ratio": rates["gateway"] / rates["direct"],
        "gateway_p99_ms": max(item.p99_ms for item in warm["gateway"]),
        "failures": failures,
        "records_written": after.logs_written - before.logs_written,
        "records_lost": after.logs_dropped - before.logs_dropped,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
