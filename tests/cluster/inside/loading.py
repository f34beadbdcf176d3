"""Measure one pod against the gateway in front of it; runs behind the source of tests/bench/load.py.

Arguments: project, loop, "host:port/path" of the model in one Triton pod, file with rows as JSON.
"""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from millrace.client import Millrace
from millrace.oip import columns_from_rows, encode

if TYPE_CHECKING:
    from tests.bench.load import request, run

CONNECTIONS, SECONDS = 16, 8.0


def settled(client: Millrace) -> dict[str, Any]:
    """The gateway's counters once they stand still."""
    seen = None
    while True:
        now = client.serving.gateway()
        if (now["logs_written"], now["logs_dropped"]) == seen:
            return now
        seen = (now["logs_written"], now["logs_dropped"])
        time.sleep(2.0)


def main(project: str, loop: str, direct: str, file: str) -> None:
    rows = json.loads(Path(file).read_text())
    client = Millrace.from_environment(project)
    signature = client.registry.version(loop, 1)["signature"]
    urls = {"direct": urlparse(f"http://{direct}"), "gateway": urlparse(client.serving.endpoint(loop)["url"])}
    before, loads = settled(client), {}
    for seconds in (1.0, SECONDS):
        for name, url in urls.items():
            made = []
            for number, row in enumerate(rows):
                body, headers = encode(
                    columns_from_rows({name: [value] for name, value in row.items()}, signature)
                )
                made.append(
                    request(url.path, url.netloc, body, headers | {"x-millrace-key": f"user-{number}"})
                )
            loads[name] = run(url.port or 80, made, CONNECTIONS, seconds, url.hostname or "")
    after = settled(client)
    found = {
        "direct_per_second": loads["direct"].rate,
        "gateway_per_second": loads["gateway"].rate,
        "gateway_ratio": loads["gateway"].rate / loads["direct"].rate,
        "gateway_p99_ms": loads["gateway"].p99_ms,
        "failures": sum(item.failures for item in loads.values()),
        "records_written": after["logs_written"] - before["logs_written"],
        "records_lost": after["logs_dropped"] - before["logs_dropped"],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
