"""Write to the registry again and again until told to stop; remember what it acknowledged.

Arguments: project, name of the work (its files are /tmp/<name>.*). Each turn writes a dataset (a row in the database)
and an artifact (bytes on the volume).
"""

import json
import sys
import time
from pathlib import Path

from millrace.client import ApiError, Millrace


def main(project: str, name: str) -> None:
    client = Millrace.from_environment(project)
    client.registry.put_project(project)
    stop, counts = Path(f"/tmp/{name}.stop"), Path(f"/tmp/{name}.json")
    datasets, artifacts, refused, turn = [], [], 0, 0
    while not stop.exists():
        turn += 1
        try:
            client.registry.put_dataset(f"{name}-{turn}", f"turn {turn}")
            datasets.append(f"{name}-{turn}")
            artifacts.append(client.registry.put_artifact(f"{name} {turn}".encode()))
        except ApiError:
            refused += 1
        time.sleep(0.3)
    kept = {item.name for item in client.registry.datasets()}
    lost = [item for item in datasets if item not in kept]
    for digest in artifacts:
        try:
            client.registry.get_artifact(digest)
        except ApiError:
            lost.append(digest)
    found = {"acknowledged": len(datasets) + len(artifacts), "refused": refused, "lost": lost}
    counts.write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
