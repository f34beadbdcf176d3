"""Really runs the pipelines that a stand-in backend was given, each in a process of its own with kfp.local."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml


class Executor:
    """An `executor` of the backend; `folders` has the outputs of each run by its id."""

    def __init__(self, folder):
        self.folder, self.folders = Path(folder), {}

    def __call__(self, backend, run):
        place = self.folders[run["run_id"]] = Path(tempfile.mkdtemp(dir=self.folder))
        document = place / "pipeline.yaml"
        document.write_text(yaml.safe_dump(run["pipeline_spec"]))
        arguments = json.dumps(run["runtime_config"]["parameters"])
        backend.move(run, "RUNNING")
        command = (sys.executable, "-m", "millrace_controller.pipelines.local", document, arguments, place)
        ended = subprocess.run(command, capture_output=True, text=True, cwd=place)
        print(ended.stderr[-2000:])  # a pod's log, which the API does not show
        backend.move(run, "SUCCEEDED" if ended.returncode == 0 else "FAILED")

    def artifacts(self, run):
        """What the steps of a run made: name to (uri, metadata)."""
        found = {}
        for file in self.folders[run["run_id"]].glob("outputs/**/executor_output.json"):
            for name, item in json.loads(file.read_text()).get("artifacts", {}).items():
                found[name] = (item["artifacts"][0]["uri"], item["artifacts"][0]["metadata"])
        return found
