"""`python -m tests.bench.doors [MB]`: a large file through each door that reads files, beside what pandas needs for it.

Every way runs in a process of its own, whose most memory and processor time are told. The platform is played by a
server that counts what it is sent: what is measured is the command, not what answers it.
"""

import csv
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
from tests.bench import largefile
from tests.sdk import examples

SERVICES = ("registry", "training", "serving", "monitoring", "controller")
LABEL = "2f0c9a1e-7d6b-4c53-9a4e-{:012x},{},{:.2f},2026-05-0{}T00:00:00Z\n"
SPEC = {
    "apiVersion": "millrace.dev/v1alpha1",
    "kind": "ModelLoop",
    "metadata": {"name": "shop"},
    "spec": {
        "task": "regression",
        "target": "revenue",
        "data": {"dataset": "shop", "eventTime": "at", "labelDelay": "1d"},
        "training": {"holdout": "2d"},
    },
}
BACKTEST = """
import json, sys, tempfile
from pathlib import Path
from millrace_contracts.loop import ModelLoop
from millrace_replay.history import History
with tempfile.TemporaryDirectory() as folder:
    spec = ModelLoop.model_validate(json.loads(sys.argv[2])).spec
    history = History(Path(sys.argv[1]), "csv", spec, Path(folder))
    kinds = {name: "string" for name in history.raw.column_names} | {"at": "timestamp", "revenue": "number"}
    history.parquet(history.days()[1].begin)
    history.typed(kinds, "UTC")
"""
ARRAY = """
import sys, tempfile
from pathlib import Path
from millrace_table import reading
with tempfile.TemporaryDirectory() as folder:
    reading.to_parquet(Path(sys.argv[1]), Path(folder, "rows.parquet"), format="jsonl")
"""
SEND = """
import sys, orjson, pandas, urllib.request
def send(path, body):
    made = urllib.request.Request(sys.argv[2] + path, orjson.dumps(body), {"content-type": "application/json"})
    return orjson.loads(urllib.request.urlopen(made).read())
rows = pandas.read_csv(sys.argv[1])
"""
WATCHED = """
import atexit, os, runpy, sys
from pathlib import Path
def told():
    status = Path("/proc/self/status").read_text()
    Path(os.environ["PEAK"]).write_text(status.partition("VmHWM:")[2].split()[0])
atexit.register(told)
how, what = sys.argv[1:3]
sys.argv = sys.argv[2:]
if how == "-m":
    runpy.run_module(what, run_name="__main__", alter_sys=True)
else:
    exec(what, {"__name__": "__main__"})
"""
"""Runs what it is told to run, and says how much memory it held: what a parent is told is its own, too."""
PANDAS = {
    "labels": SEND + "rows['value'] = rows['value'].astype(str)\nrows = rows.to_dict('records')\n"
    "for begin in range(0, len(rows), 10000): send('/v1/monitors/shop/labels', {'labels': rows[begin:begin + 10000]})",
    "predict": SEND + "rows = rows.astype(object).where(rows.notna(), None).to_dict('records')\n"
    "parts = [{'rows': rows[begin:begin + 1000]} for begin in range(0, len(rows), 1000)]\n"
    "said = [send('/v1/endpoints/shop:predict', part) for part in parts]\n"
    "sys.stdout.write(orjson.dumps([number for answer in said for number in answer['predictions']]).decode())",
    "backtest": "import sys, pandas\nrows = pandas.read_csv(sys.argv[1])\n"
    "rows['at'] = pandas.to_datetime(rows['at'])\nrows = rows.dropna(subset=['at', 'revenue']).sort_values('at')",
    "array": "import sys, pandas\npandas.read_json(sys.argv[1]).to_parquet('/dev/null')",
}


class Platform(BaseHTTPRequestHandler):
    """Counts labels, and answers rows with zeros."""

    def do_GET(self) -> None:
        """What a command asks about the loop."""
        inputs = [examples.tensor(name) for name in self.server.inputs]
        signature = {"inputs": inputs, "outputs": [{"name": "prediction", "datatype": "FP32"}]}
        known = {
            "endpoints": examples.endpoint(),
            "models": examples.version(signature=signature),
            "loops": examples.loop(document=SPEC),
            "datasets": examples.dataset_version(contract=None),
        }
        self._answer(known[self.path.split("/")[2]])

    def do_POST(self) -> None:
        """Labels, or rows."""
        body = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
        if "labels" in body:
            self._answer({"new": len(body["labels"]), "corrected": 0, "unchanged": 0, "labelled": 1})
        else:
            zeros = [0.0] * len(body["rows"])
            self._answer({"request_id": "q", "version": 1, "revision": "shop--r1", "predictions": zeros})

    def _answer(self, said: object) -> None:
        sent = orjson.dumps(said)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def labels(path: Path, size: int) -> None:
    """Labels of as many requests as fit."""
    with path.open("w") as out:
        out.write("request_id,index,value,at\n")
        number = 0
        while out.tell() < size:
            some = range(number, number + 50_000)
            out.writelines(LABEL.format(item // 10, item % 10, item % 997 / 4, 1 + item % 9) for item in some)
            number += 50_000


def array(source: Path, path: Path, size: int) -> None:
    """The rows of a CSV file as one array in one line."""
    with source.open(newline="") as lines, path.open("w") as out:
        for number, cells in enumerate(csv.DictReader(lines)):
            out.write(("," if number else "[") + json.dumps(cells))
            if out.tell() > size:
                break
        out.write("]")


def run(command: list[str], url: str, folder: Path) -> tuple[int, float]:
    """Most memory (MiB) and processor seconds of a command. Raises: RuntimeError if it fails."""
    where = {f"MILLRACE_{name.upper()}_URL": url for name in SERVICES}
    more = where | {"MILLRACE_TOKEN": "t", "PEAK": str(folder / "peak")}
    with subprocess.Popen(
        [sys.executable, "-c", WATCHED, *command], stdout=subprocess.DEVNULL, env=os.environ | more
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[:2]} ended with {process.returncode}")
    return int((folder / "peak").read_text()) // 1024, round(used.ru_utime + used.ru_stime, 1)


def main() -> None:
    """Print each door's figures as they come."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    doors = sys.argv[2:] or list(PANDAS)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="doors-") as place:
        rows, written = Path(place, "rows.csv"), Path(place, "labels.csv")
        largefile.write(rows, size * 1_000_000)
        labels(written, size * 1_000_000)
        array(rows, Path(place, "rows.json"), size * 1_000_000)
        with rows.open(newline="") as lines:
            head, first = itertools.islice(csv.reader(lines), 2)
        server.inputs = [name for name, cell in zip(head, first, strict=True) if _is_number(cell)]
        commands: dict[str, list[str]] = {
            "labels": ["-m", "millrace", "labels", "push", "shop", str(written)],
            "predict": ["-m", "millrace", "predict", "shop", "--rows", str(rows), "-o", "json"],
            "backtest": ["-c", BACKTEST, str(rows), json.dumps(SPEC)],
            "array": ["-c", ARRAY, str(Path(place, "rows.json"))],
        }
        files = {"labels": written, "predict": rows, "backtest": rows, "array": Path(place, "rows.json")}
        for door in doors:
            for name, command in (
                ("millrace", commands[door]),
                ("pandas", ["-c", PANDAS[door], str(files[door]), url]),
            ):
                memory, seconds = run(command, url, Path(place))
                print(f"{door:<9} {name:<9} {memory:>6} MiB {seconds:>7} s of processor", flush=True)
    print(f"load {os.getloadavg()[0]:.0f}")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    main()
