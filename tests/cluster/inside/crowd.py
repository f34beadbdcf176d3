"""Many clients of one endpoint, each asking again as soon as it has an answer, until told to stop; none asks twice.

Arguments: project, endpoint, name of the work (its files are /tmp/<name>.*), clients, seconds of pause of each.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import httpx

from millrace.client import Millrace
from millrace.transport.tokens import shown_token

BODY = {
    "inputs": [
        {"name": "size", "datatype": "FP32", "shape": [1, 1], "data": [22.0]},
        {"name": "texture", "datatype": "FP32", "shape": [1, 1], "data": [19.0]},
        {"name": "kind", "datatype": "BYTES", "shape": [1, 1], "data": ["a"]},
    ]
}


def token() -> str:
    shown = shown_token()
    return shown if isinstance(shown, str) else shown()


async def client(url: str, pause: float, stop: Path, found: dict) -> None:
    async with httpx.AsyncClient(timeout=15.0, trust_env=False) as http:
        while not stop.exists():
            began = time.time()
            try:
                answer = await http.post(url, json=BODY, headers={"authorization": f"Bearer {token()}"})
                said = f"{answer.status_code} {answer.text[:120]}" if answer.status_code != 200 else ""
            except httpx.HTTPError as error:
                said = type(error).__name__
            took = time.time() - began
            found["took"].append(took)
            if said:
                found["failures"].append([round(began, 1), said, round(took, 2)])
            await asyncio.sleep(pause)


async def main(project: str, endpoint: str, name: str, clients: str, pause: str) -> None:
    url = Millrace.from_environment(project).serving.endpoint(endpoint).url
    stop, counts = Path(f"/tmp/{name}.stop"), Path(f"/tmp/{name}.json")
    found = {"took": [], "failures": []}
    began = time.time()
    await asyncio.gather(*(client(url, float(pause), stop, found) for _ in range(int(clients))))
    took = sorted(found.pop("took"))
    found |= {
        "answered": len(took) - len(found["failures"]),
        "per_second": round(len(took) / (time.time() - began)),
        "p50_ms": round(1000 * took[len(took) // 2]),
        "p99_ms": round(1000 * took[len(took) * 99 // 100]),
    }
    counts.write_text(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
