"""Ask one endpoint for a prediction again and again until told to stop; count what comes back.

Arguments: project, endpoint, name of the work (its files are /tmp/<name>.*), seconds between two requests.
"""

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


def main(project: str, endpoint: str, name: str, every: str) -> None:
    url = Millrace.from_environment(project).serving.endpoint(endpoint).url
    stop, counts = Path(f"/tmp/{name}.stop"), Path(f"/tmp/{name}.json")
    found = {"sent": 0, "answered": 0, "failures": [], "slowest_seconds": 0.0, "revisions": {}}
    with httpx.Client(timeout=10.0, trust_env=False) as http:
        while not stop.exists():
            began = time.time()
            found["sent"] += 1
            try:
                answer = http.post(url, json=BODY, headers={"authorization": f"Bearer {token()}"})
                said = f"{answer.status_code} {answer.text[:120]}" if answer.status_code != 200 else ""
                revision = answer.headers.get("x-millrace-revision", "unknown")
            except httpx.HTTPError as error:
                said = type(error).__name__
            took = time.time() - began
            found["slowest_seconds"] = max(found["slowest_seconds"], round(took, 3))
            if said:
                found["failures"].append([round(began, 1), said, round(took, 2)])
            else:
                found["answered"] += 1
                found["revisions"][revision] = found["revisions"].get(revision, 0) + 1
            time.sleep(max(0.0, float(every) - took))
    counts.write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
