"""Fifty loops of five teams on one small node: every one reaches a champion, none fails, deliveries go between them.

`MILLRACE_FIFTY` loops instead of fifty, or `MILLRACE_FIFTY_MINUTES` instead of 25, where a machine is another. What was
seen is written to `out/fifty.json` and drawn in `out/fifty.svg`.
"""

import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.cluster.release import ENFORCED
from tests.controller.crowd import unfair

LOOPS = int(os.environ.get("MILLRACE_FIFTY", "50"))
MINUTES = int(os.environ.get("MILLRACE_FIFTY_MINUTES", "25"))
TEAMS = tuple(f"fifty-{name}" for name in "abcde")
OUT = Path(__file__).parents[2] / "out"
pytestmark = [pytest.mark.soak, pytest.mark.timeout(60 * MINUTES + 900)]
SMALL = {"requests": {"cpu": "5m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
"""Fifty models that nobody asks much: what each of their Tritons reserves."""
VALUES = {"triton.resources": SMALL}
LOOP = """
apiVersion: millrace.dev/v1alpha1
kind: ModelLoop
metadata: {{name: tiny-{number}, namespace: {team}}}
spec:
  task: binary
  target: target
  data: {{dataset: tiny}}
  training: {{search: {{trials: 1, families: [linear]}}, folds: 3, variants: [none], limits: {{memory: 512Mi}}}}
  gates: {{champion: {{margin: 0.5, minimumDays: 2}}}}
"""
PUSH = """
import csv, json, random, sys, time
from pathlib import Path
from millrace.client import Millrace
from millrace.delivery import push
team, loop, rows, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
draw, began = random.Random(seed), time.monotonic()
path = Path(f"/tmp/{team}-{seed}.csv")
with path.open("w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["size", "texture", "target"])
    for _ in range(rows):
        size = draw.gauss(14, 4)
        writer.writerow([size, draw.gauss(19, 4), int(size + draw.gauss(0, 2) > 14)])
accepted = push(Millrace.from_environment(team), loop, path).accepted
print(json.dumps([accepted, time.monotonic() - began]))
"""
PROMOTED = """
import json, sys
from millrace.client import Millrace
told = []
for team in sys.argv[1:]:
    decisions = Millrace.from_environment(team).registry.decisions(kind="rollout.promoted")
    told += [[team, item.loop, item.recorded_at.isoformat()] for item in decisions]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def roomy(kube, release):
    """A release whose Tritons ask for little, and five teams."""
    for team in TEAMS:
        kube.namespace(team, **ENFORCED, **{"millrace.dev/access": "true"})
    yield release
    for team in TEAMS:
        kube.kubectl("delete", "modelloop", "--all", "-n", team, "--wait=false")


def test_fifty_loops_of_five_teams_reach_a_champion_on_two_cores(kube, roomy):
    seen = Seen(time.monotonic())
    for place, team in enumerate(TEAMS):
        loops = [LOOP.format(number=number, team=team) for number in range(LOOPS) if number % 5 == place]
        kube.apply("---".join(loops), team)
    with ThreadPoolExecutor(len(TEAMS)) as together:
        fed = [together.submit(seen.fed, roomy, place) for place in range(len(TEAMS))]
    assert all(rows.result() for rows in fed)
    seen.look(kube)
    early = seen.started
    later = iter(enumerate(TEAMS))
    while len(seen.champions) < LOOPS and seen.seconds() < 60 * MINUTES:
        seen.look(kube)
        assert not seen.failed, seen.failed
        if seen.seconds() > 120 * (len(seen.deliveries) + 1) and (turn := next(later, None)):
            seen.deliveries.append(roomy.python(PUSH, turn[1], f"tiny-{turn[0]}", "20", str(turn[0])))
        time.sleep(3)
    seen.asked(roomy)
    seen.write()
    assert len(seen.champions) == LOOPS, f"{len(seen.champions)} of {LOOPS} in {seen.seconds():.0f} s"
    assert all(accepted for accepted, _ in seen.deliveries)
    assert seen.most_waiting > LOOPS // 2, "there was a queue, and it was shown"
    order = [team for team, name, _ in seen.champions if (team, name) not in early]
    ahead = max(Counter(team for team, _ in early).values(), default=0)
    assert unfair(order, dict(Counter(order)), slack=2 + ahead) == [], (
        "once all had rows, all were served alike"
    )


class Seen:
    """What `kubectl get modelloops` showed, in seconds since all were declared.

    *rows*: when each team had some. *started*: the loops whose run waits for no turn any more. A team whose rows came
    first has more of those than the others when theirs come; that is its share until they have ended.
    """

    def __init__(self, began: float) -> None:
        self.began, self.most_waiting = began, 0
        self.declared = datetime.now(UTC)
        self.rows: dict[str, float] = {}
        self.started: set[tuple[str, str]] = set()
        self.champions: list[tuple[str, str, float]] = []
        self.deliveries: list[tuple[bool, float]] = []
        self.failed: list[str] = []
        self.said: list[str] = []

    def seconds(self) -> float:
        return time.monotonic() - self.began

    def fed(self, release, place: int) -> bool:
        """A team pushes the rows of all its loops; whether they were taken."""
        accepted, _ = release.python(PUSH, TEAMS[place], f"tiny-{place}", "120", "7")
        self.rows[TEAMS[place]] = self.seconds()
        return accepted

    def look(self, kube) -> None:
        known = {(team, name) for team, name, _ in self.champions}
        listed = json.loads(kube.kubectl("get", "modelloops", "-A", "-o", "json"))["items"]
        mine = [item for item in listed if item["metadata"]["namespace"] in TEAMS]
        waiting, started = 0, set()
        for item in mine:
            key, status = (item["metadata"]["namespace"], item["metadata"]["name"]), item.get("status") or {}
            if status.get("phase") in ("Failed", "Rejected"):
                self.failed.append(f"{key}: {(status.get('run') or {}).get('message')}")
            if key not in known and (status.get("champion") or {}).get("version"):
                self.champions.append((*key, self.seconds()))
            progressing = next((it for it in status.get("conditions", []) if it["type"] == "Progressing"), {})
            if status.get("phase", "Pending") != "Pending":
                started.add(key)
            if progressing.get("reason") == "Queued" and "in the queue" in progressing["message"]:
                waiting += 1
                self.said = [*self.said[-5:], f"{key}: {progressing['message']}"]
        self.most_waiting, self.started = max(self.most_waiting, waiting), started

    def asked(self, release) -> None:
        """Put the champions into the order, and at the times, that the decisions tell: a look may come late."""
        told = release.python(PROMOTED, *TEAMS)
        times = {(team, loop): datetime.fromisoformat(at) for team, loop, at in reversed(told)}
        found = [(team, name, times[team, name]) for team, name, _ in self.champions]
        self.champions = [
            (team, name, (at - self.declared).total_seconds())
            for team, name, at in sorted(found, key=lambda item: item[2])
        ]

    def write(self) -> None:
        """Figures and picture, in `out/`."""
        OUT.mkdir(exist_ok=True)
        told = vars(self) | {
            "loops": LOOPS,
            "started": len(self.started),
            "declared": self.declared.isoformat(),
            "at": datetime.now().isoformat(),
            "load": os.getloadavg(),
        }
        (OUT / "fifty.json").write_text(json.dumps(told, indent=1))
        draw(self.champions, self.rows, OUT / "fifty.svg")


def draw(champions: list[tuple[str, str, float]], rows: dict[str, float], path: Path) -> None:
    """Time to the first champion by rank, a colour for each team; a line tells when its rows were there."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for team in TEAMS:
        found = [(rank, at / 60) for rank, (owner, _, at) in enumerate(champions, 1) if owner == team]
        (line,) = axes.plot(
            [rank for rank, _ in found], [at for _, at in found], "o", label=team, markersize=4
        )
        axes.axhline(rows[team] / 60, color=line.get_color(), linewidth=0.6, linestyle=":")
    axes.set(xlabel="loops with a champion", ylabel="minutes since all were declared", ylim=(0, None))
    axes.legend(title="team")
    figure.tight_layout()
    figure.savefig(path)
