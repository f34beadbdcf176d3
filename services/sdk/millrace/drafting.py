"""Drafts a loop and its data contract from a sample, with a comment on everything a person may want to change."""

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from millrace import timing
from millrace_contracts.data import DataContract
from millrace_contracts.formats import format_of
from millrace_contracts.sources import Source
from millrace_contracts.tables import Dialect
from millrace_table import survey
from millrace_table.drawn import Roles
from millrace_table.inference import Guess, TaskName
from millrace_table.refusals import Unreadable
from millrace_table.spacing import Spacing
from millrace_table.survey import Telling


class NoDraft(Exception):
    """Nothing can be drafted from this sample; *mend* says what to do."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.mend = mend


@dataclass(frozen=True)
class Sample:
    """What a look at the sample told."""

    rows: int
    task: str
    contract: DataContract
    identifiers: list[str]
    spacing: Spacing | None
    """How far apart the event times lie; None without event time."""
    notes: list[str] = field(default_factory=list)


def look(
    path: Path,
    target: str,
    time: str | None,
    timezone: str,
    task: TaskName | None = None,
    dialect: Dialect | None = None,
    told: Telling = lambda what, rows: None,
) -> Sample:
    """Look at a file of any size and infer contract and task, unless the *task* is given.

    Args:
        dialect: what is known of its form.
        told: hears again and again how many rows of a large file are read, and looked at.
    Raises: NoDraft, with what to do; UnknownFormat.
    """
    format, asked = format_of(path), Roles(target, time, timezone)
    try:
        path.open("rb").close()
        with tempfile.TemporaryDirectory(prefix="millrace-") as folder:
            seen = survey.look(path, format, asked, dialect, Path(folder), told)
            guess = seen.guess(task)
    except OSError as error:
        raise NoDraft(f"{path}: {error.strerror}", "Give the path of a file that can be read.") from error
    except Unreadable as error:
        place = f"column '{error.check.column}': " if error.check.column else ""
        raise NoDraft(f"{path}: {place}{error.check.observed}", error.check.mend) from error
    if guess.task is None:
        raise NoDraft(f"{path}: {' '.join(guess.notes)}", guess.mend)
    return sampled(seen, guess, guess.task)


def sampled(seen: survey.Survey, guess: Guess, task: TaskName) -> Sample:
    """What a look at the rows told, for a document of that *task*."""
    caution = seen.cautions(guess)
    identifiers = [column.name for column in seen.contract.columns if column.unique]
    identifiers += [name for name in caution.left_out if name not in identifiers]
    notes = seen.notes([*guess.notes, *caution.notes]) + (timing.notes(seen.spacing) if seen.spacing else [])
    return Sample(seen.rows, task, seen.contract, identifiers, seen.spacing, notes)


def contract_text(sample: Sample, source: str) -> str:
    """The contract as YAML: one line a column."""
    whole = sample.contract.model_dump(mode="json", exclude_none=True)
    lines = [
        f"# What every delivery of data must fulfil before anything is trained on it; inferred from {source}.",
        "# A delivery that breaks it is refused with a report and kept in quarantine. Edit it: you know your data.",
        "#   type             number, integer, boolean, string, timestamp, or tensor with its shape",
        "#   guessed          not confirmed: what goes a little beyond is taken and noted, and the guess grows;",
        "#                    remove it to have the bounds kept as they stand",
        "#   minimum, maximum rows beyond are left out; more than outside_at_most of them refuse the delivery",
        "#   missing_at_most  share of rows that may lack a value",
        "#   allowed          the known values; more than unknown_at_most of other ones refuse the delivery",
        "#   unique           no value may come twice in the dataset",
        "#   trusted          the leakage screen leaves it alone: it is known when a prediction is asked for",
        "columns:",
    ]
    defaults = {"required": True, "unique": False, "trusted": False, "guessed": False, "missing_at_most": 1.0}
    bounded = ("outside_at_most", "minimum"), ("unknown_at_most", "allowed")
    for column in whole["columns"]:
        kept = {name: value for name, value in column.items() if defaults.get(name) != value}
        for share, needs in bounded:
            if needs not in kept:
                kept.pop(share, None)
        lines.append(f"- {_flow(kept)}")
    lines += [f"rows: {{minimum: {sample.contract.rows.minimum}}}"]
    lines += [f"duplicates_at_most: {sample.contract.duplicates_at_most}"]
    lines += [f"rejects_at_most: {sample.contract.rejects_at_most}   # share of lines that may be unreadable"]
    if whole.get("dialect"):
        lines += ["# How text files are written; what a file does otherwise is found, and told."]
        lines += [f"dialect: {_flow(whole['dialect'])}"]
    lines += [
        "# key: [id]   # columns that name a row: the same key corrects it; without one a row is its own key"
    ]
    lines += [
        f"{role}: {_flow(whole[role])}" for role in ("target", "event_time") if whole.get(role) is not None
    ]
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, width=1_000_000, sort_keys=False, allow_unicode=True
    )
    return text.strip().removesuffix("...").strip()


def loop_text(
    name: str, sample: Sample, data: Path | Source | None, contract: Path, folder: Path, timezone: str
) -> str:
    """The commented loop document; a file of *data*, and *contract*, are written relative to *folder*.

    *data* None: the rows come by themselves or are pushed.
    """
    return LOOP.format(
        name=name,
        task=sample.task,
        target=_flow(sample.contract.target),
        source=_source(name, data, folder),
        contract=_flow(os.path.relpath(contract, folder)),
        exclude=_flow(sample.identifiers),
        metric="rmse" if sample.task == "regression" else "log_loss",
        bound="atMost: 30" if sample.task == "regression" else "atMost: 0.5",
        **(_timed(sample, timezone) if sample.spacing is not None else _untimed(sample)),
    )


def _source(name: str, data: Path | Source | None, folder: Path) -> str:
    if data is None:
        return f"null                 # rows are uploaded, or pushed with `millrace data push {name} FILE`"
    if isinstance(data, Path):
        path = _flow(os.path.relpath(data, folder))
        return f"{{path: {path}}}   # uploaded by `millrace apply`; push more with `millrace data push {name} FILE`"
    told = _flow(data.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True))
    return f"{told}   # try it: `millrace sources test -f {name}.yaml`"


def _untimed(sample: Sample) -> dict[str, str]:
    return UNTIMED | {"rows": f"{max(1000, sample.rows // 10)}"}


def _timed(sample: Sample, timezone: str) -> dict[str, str]:
    assert sample.spacing is not None
    chosen = timing.choose(sample.spacing, sample.rows)
    block = f", block: {chosen.block}" if chosen.block != "day" else ""
    holdout = f"{chosen.holdout}d"
    return {
        "time": TIME.format(column=_flow(sample.contract.event_time), timezone=timezone),
        "training": f"    windows: {chosen.windows:<16} # spans of history to try; the better one is taken\n"
        f"    holdout: {holdout:<19} # {chosen.why}",
        "folds": f"{chosen.folds}",
        "least": f"{chosen.least}{block}",
        "rollout": ROLLOUT,
        "schedule": SCHEDULE.format(days=chosen.schedule),
        "window": f"{chosen.window}d",
        "cooldown": f"{chosen.cooldown}d",
        "rows": f"{chosen.new_rows}",
    }


LOOP = """\
# A loop: everything Millrace keeps true for one model. Check and start it with `millrace apply -f {name}.yaml`.
# Durations are 30m, 12h, 14d; those of schedules, cool-downs, rollouts and labels count in event time.
apiVersion: millrace.dev/v1alpha1
kind: ModelLoop
metadata: {{name: {name}}}
spec:
  task: {task:<22} # regression: a number; binary: one of two classes; multiclass: one of many
  target: {target}
  data:
    dataset: {name}
    source: {source}
    contract: {contract}   # what data must fulfil; edit it
{time}    exclude: {exclude}                  # columns that no model may use: identifiers, personal data
    feedback: true               # labelled production rows join the training data
  training:
    search: {{trials: 12}}         # models tried in the first, full search; retraining fits the best ones again
{training}
    folds: {folds}                     # cross-validation folds
    seed: 7                      # the same data and seed give the same model
    limits: {{memory: 3Gi, wall: 30m}}
  gates:                         # what a new model must pass before it gets traffic
    champion: {{margin: 0.02, minimumDays: {least}}}   # its loss may be at most 2 % above the champion's
    # absolute: [{{metric: {metric}, {bound}}}]
    # slices: {{columns: [], tolerance: 0.05, minimumRows: 500}}   # and not worse in any part of the data
{rollout}  monitoring:
    performance: {{falseAlarmsPerYear: 0.01}}
    drift: {{psi: 0.1, window: {window}}}   # compared with training by so many days that have rows
    retention: {{logs: 90d, archived: 5}}   # archived versions stay loaded, so that going back takes a second
  triggers:                      # what opens a run, besides a change of this file and `millrace retrain`
{schedule}    alarms: [performance]        # also: drift, quality
    newData: {{rows: {rows}}}        # this many new rows were pushed
  cooldown: {cooldown}                  # least event time between two triggered runs
  switchBack: {{enabled: true, margin: 0.02, minimumDays: 7, rest: 14d}}   # back to an archived version that got better
  # review: {{sample: 1%}}         # people label that share of its answers, in the console or by `millrace review`
"""
TIME = """\
    eventTime: {column}   # when a row happened; days and the order of time come from it
    timezone: {timezone}                # in which days begin and end
    labelDelay: 1d               # when the truth about a row is known
"""
SCHEDULE = "    schedule: {days}d   # every so many days; or calendar: {{every: week, weekday: Monday}}\n"
ROLLOUT = """\
  rollout:                       # how a new model takes over; the first one does at once
    mirror: {percent: 100, for: 1d}            # it answers copies of requests; nobody sees its answers
    canary: [{percent: 10, for: 1d}]           # then a part of the traffic, then all of it
"""
UNTIMED = {
    "time": "    # eventTime: column          # when a row happened, if there is such a column\n",
    "training": "    # windows, holdout           # need data.eventTime; without it: cross-validation",
    "least": "14",
    "rollout": "  rollout: {}                    # at once; or like canary: [{percent: 10, for: 1d}]\n",
    "schedule": "    # schedule: 30d              # every so many days of event time\n",
    "folds": "5",
    "window": "14d",
    "cooldown": "14d",
}
