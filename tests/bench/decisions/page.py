"""The page and the picture of what was measured; nothing on it is written by hand but the words of this file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.decisions.aims import aims, compared
from tests.bench.decisions.policies import FIXED, SIZE
from tests.bench.decisions.standing import MONTHLY, NEVER, OURS, Standing, ranks

from millrace_contracts.counting import counted

HEAD = """# Policies of retraining, side by side

`make bench-decisions` writes this page, `out/decisions.json` and the picture. {machine}; {date}, {commits};
{cpu:,.0f} CPU-seconds without the detectors' own processes, load {load}. Written by the command; change
`tests/bench/decisions/page.py`, not this page.

Each policy goes through the same days with the same features, the same learner (LightGBM as a loop fits it that tries
one model), the same label delay (a day), and the first training on the first 16 to 18 % of the days. Labels of a day
are known on the second morning behind it; a model that is trained then serves from that morning on. What trains at an
alarm does so at most every 14 days, as the loop does. **Millrace** is the production code in one process, as a backtest
has it, with two windows (all rows, 60 days), a run every 30 days or at a performance alarm. **Always promote** and what
trains at an alarm take the better of the same two windows on the last 28 days. **Hindsight** is, in each month of 30
days, the least loss of anything that served or could have: every policy and every model of theirs that existed on its
first morning. Detectors have their library's own settings.

Losses are in the unit that people read (RMSE, or log loss). Figures in brackets are 95 % bounds over resampled months
(2,000 times, seed 20130310): with 6 to 20 months they are wide. Fits are seeded; each way was gone once.

A training costs: *monthly* one fit; *always promote* and what trains at an alarm two fits to choose the window, and a
third of everything in it; Millrace these, and up to three more by which it judges.

**On what rules were chosen.** On known worlds such as *abrupt*, *still* and *season*, on the flights, and two after a
stream had been measured: on the rainfall, a contract's guess does not refuse what production was asked with; for the
rodents, a class that turns up later is learnt from its labels. The bikes, once measured, showed that runs went back to
archived versions by luck; [what is asked of those now](decisions/a-run-looks-at-the-archive.md) was chosen on known
worlds. No rule was chosen on another stream. Earlier years of the traffic had been replayed before, and showed a fault
(runs on the same rows).

**Rules that are younger than the first measurement.** The streams have been measured more than once. Two rules came
after the first time: a class that turns up later is [learnt from its labels](decisions/a-class-that-turns-up-later.md),
which brought the rodents from 4.8 times hindsight to what stands here, and the run of an alarm [judges by the days
since losses rose](decisions/an-alarm-says-since-when.md), which the flights show (11.0 minutes before). Each stream
says at which commits it was measured, and names what is of earlier code.
"""
SINCE = {"bikes": " when first measured; they showed a fault, and the rule for it was chosen on known worlds"}
"""What streams became after the first measurement, as to what rules were chosen on."""
LEAST = 1.005
"""A loss against a rival's that is worth a word."""
MONTHS = 3
TRAPS = """
*What newer rows bring* compares two ways that have equally many rows: the first model for ever, and each month one of
as many newest rows. Where that is about 1, a retrained model that wins does so by having more rows, and not because
the world has changed.
"""


def page(standings: list[Standing], missing: dict[str, str], facts: dict[str, Any]) -> str:
    """The whole page as Markdown."""
    commits = f"commit{'s' if ',' in facts['commit'] else ''} {facts['commit']}"
    lines = [
        HEAD.format(**facts, commits=commits),
        *aims(standings),
        "\n![Loss against hindsight](images/decisions-benchmark.svg)\n",
    ]
    lines += ["## All streams", "", *_matrix(standings), TRAPS, *_drift(standings), _first_models(standings)]
    for item in standings:
        lines += ["", *_stream(item)]
    absent = {f"{item.name}: {name}": why for item in standings for name, why in item.absent.items()}
    if missing or absent:
        lines += ["", "## What is missing", ""]
        lines += [f"- {what}: {_short(why)}" for what, why in (missing | absent).items()]
    return "\n".join(lines).rstrip() + "\n"


def _matrix(standings: list[Standing]) -> Iterator[str]:
    """Loss against hindsight by policy and stream, and mean ranks."""
    done = compared(standings)
    names = list(dict.fromkeys(name for item in standings for name in item.names))
    rank = ranks(done)
    yield (
        "Loss against hindsight; in the last columns trainings and mean rank "
        f"over {', '.join(item.name for item in done)}, of the policies that went through all of them."
    )
    yield ""
    yield "| policy | " + " | ".join(item.name for item in standings) + " | trainings | mean rank |"
    yield "|---|" + "---|" * (len(standings) + 2)
    ratios = [dict(zip(item.names, item.ratios().tolist(), strict=True)) for item in standings]
    for name in names:
        cells = [_cell(line, name) for line in ratios]
        told = rank.get(name)
        trained = (len(item.parts[name]["trained"]) for item in done if name in item.parts)
        cells.append("–" if told is None else str(sum(trained)))
        cells.append("–" if told is None else f"{told[0]:.2f} ({told[1]:.1f} to {told[2]:.1f})")
        yield f"| {name} | " + " | ".join(cells) + " |"


def _cell(line: dict[str, float], name: str) -> str:
    if name not in line:
        return "–"
    best = min(value for key, value in line.items() if key not in SIZE)
    return f"**{line[name]:.3f}**" if line[name] == best else f"{line[name]:.3f}"


def _drift(standings: list[Standing]) -> Iterator[str]:
    (size,) = SIZE
    yield "| stream | rows | days, and what one is | from | rules | never / as many newest | never / monthly, all |"
    yield "|---|---|---|---|---|---|---|"
    for item in standings:
        facts, overall = item.facts, item.overall()
        newer, more = (f"{overall[NEVER] / overall[name]:.3f}" for name in (size, MONTHLY))
        days = f"{facts['days']}, {facts['day_is']}"
        rules = facts["rules"] + SINCE.get(item.name, "")
        told = [f"{facts['rows']:,}", days, facts["source"], rules, newer, more]
        yield f"| {item.name} | " + " | ".join(told) + " |"


def _stream(item: Standing) -> Iterator[str]:
    """One stream's policies in full."""
    metric = "RMSE" if item.facts["task"] == "regression" else "log loss"
    yield f"## {item.name.capitalize()}"
    yield ""
    first, days = item.facts["first_training_days"], item.facts["days"]
    changes = item.facts["changes"]
    truth = "" if changes is None else f" The truth changes {_times(len(changes))}."
    yield f"{days - first} days served in {item.facts['months']} months, after {first} days of first training.{truth}"
    fixed = item.best_fixed()
    yield (
        f"Hindsight by month: {item.hindsight:.4g}. Best of what looks at nothing, in hindsight: *{fixed}*, "
        f"{item.fixed():.4g}."
    )
    yield from _commits(item)
    yield ""
    heads = ["policy", metric, "against hindsight", "trainings", "promotions", "alarms"]
    heads += ["worst month, against hindsight"]
    known = bool(changes)
    heads += ["days from a change until an alarm", "until another model serves"] if known else []
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    overall, bounds = item.overall(), item.intervals()
    for place, name in enumerate(item.names):
        part, (month, worst) = item.parts[name], item.worst(name)
        low, high = bounds[place]
        late = [_days(item.delay(name, what)) for what in ("alarms", "promoted")] if known else []
        cells = [f"{overall[name]:.4g}", f"{item.ratios()[place]:.3f} ({low:.3f} to {high:.3f})"]
        cells += [str(len(part["trained"])), str(len(part["promoted"])), str(len(part["alarms"]))]
        yield f"| {name} | " + " | ".join([*cells, f"{month}: {worst:.3f}", *late]) + " |"
    yield from _why(item)


def _commits(item: Standing) -> Iterator[str]:
    """Of which commits the parts of a stream are, as rules may have changed between them."""
    of = item.facts.get("commits", {})
    parts = {commit: [part for part in of if of[part] == commit] for commit in sorted(set(of.values()))}
    if parts:
        told = "; ".join(f"{', '.join(names)} at {commit}" for commit, names in parts.items())
        yield f"Measured: {told}.{_earlier(item.facts.get('earlier', []))}"


def _earlier(parts: list[str]) -> str:
    """Which figures a reader should not take for today's."""
    if not parts:
        return ""
    return f" **Of code that has changed since, so perhaps of other rules: {', '.join(parts)}.**"


def _days(delay: float | None) -> str:
    return "–" if delay is None else "never" if delay == float("inf") else f"{delay:.0f}"


def _why(item: Standing) -> Iterator[str]:
    """Where the loop lost most to the best simple policy, and what its runs came to."""
    fixed, overall = item.best_fixed(), item.overall()
    for name in OURS:
        part = item.parts.get(name)
        if part is None:
            continue
        told = [f"**{name}**: {_verdicts(part)}"]
        if overall[name] > LEAST * overall[fixed]:
            most = list(item.lost(name, fixed).items())[:MONTHS]
            where = ", ".join(f"{month} ({share:.0%})" for month, share in most)
            told.append(
                f"{overall[name] / overall[fixed]:.3f} × *{fixed}*, most of it lost in months {where}"
            )
        if part.get("switch_backs"):
            told.append(f"went back {counted(part['switch_backs'], 'time')}")
        yield ""
        yield "; ".join(told) + "."


def _verdicts(part: dict[str, Any]) -> str:
    """How many of the runs behind the first one came to which verdict."""
    words = [verdict or "no verdict" for verdict in part.get("verdicts", [])[1:]]
    counts = {word: words.count(word) for word in dict.fromkeys(words)}
    return ", ".join(f"{count} {word}" for word, count in counts.items()) or "no run after the first"


def _first_models(standings: list[Standing]) -> str:
    """How far the loop's first model is from that of *never*, if both served for ever."""
    apart = {}
    for item in standings:
        static = item.parts.get(OURS[0], {}).get("static")
        if static is not None:
            apart[item.name] = static / item.overall()[NEVER] - 1
    if not apart:
        return ""
    told = ", ".join(f"{name} {value:+.1%}" for name, value in apart.items())
    return (
        "\nThe first model of all ways but the loop has all rows of the first days. The loop's has one day more, and "
        f"of the two windows the better one on its holdout; had it served for ever, against *never*: {told}.\n"
    )


def _times(count: int) -> str:
    return {0: "never", 1: "on one day"}.get(count, f"on {count} days")


def _short(text: str) -> str:
    return " ".join(text.split())[-300:]


def picture(standings: list[Standing], target: Path) -> None:
    """Loss against hindsight of each policy as a mark, one line a stream, into an SVG."""
    from millrace.pages import figures

    marks = {
        **dict.fromkeys(FIXED, figures.GREY),
        **dict(zip(OURS, (figures.BLUE, figures.RED), strict=True)),
    }

    def paint(axes: Any) -> None:
        for place, item in enumerate(reversed(standings)):
            for name, value in zip(item.names, item.ratios().tolist(), strict=True):
                if name in SIZE:
                    continue
                colour = marks.get(name, figures.GREEN)
                shape = {"never": "s", MONTHLY: "^"}.get(name, "D" if name in OURS else "o")
                axes.plot(min(value, 2.0), place, shape, color=colour, ms=7 if name in OURS else 5, alpha=0.85,
                          label=name if place == 0 else None)  # fmt: skip
        axes.set_yticks(range(len(standings)), [item.name for item in reversed(standings)])
        axes.axvline(1.0, color=figures.INK, lw=0.8)
        axes.set_xlabel("loss against hindsight by month (what lies beyond 2 is drawn at 2)", fontsize=8)
        axes.legend(frameon=False, fontsize=7, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.14))

    target.write_text(str(figures.draw(paint, height=1.8 + 0.34 * len(standings))))
