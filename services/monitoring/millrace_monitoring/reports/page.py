"""The report as one self-contained HTML page: no script, no network."""

from html import escape
from typing import Any

from millrace_monitoring.reports import plots

CSS = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ddd;padding:.3rem .5rem;text-align:left;"
    "vertical-align:top}svg{width:100%;height:auto}h2{margin-top:2.2rem}.quiet{color:#666}"
)


def page(
    endpoint: str, spec: dict[str, Any], days: list[dict[str, Any]], alarms: list[dict[str, Any]]
) -> str:
    """The whole page.

    Args:
        days: closed days in order, as the feed tells them, with `day` as a date.
        alarms: the newest first.
    """
    measure = "squared error" if spec["task"] == "regression" else "log loss"
    parts = [
        f"<h1>{escape(endpoint)}</h1>",
        f"<p class=quiet>{_span(days)} Days are cut in {escape(spec['timezone'])}; loss is the {measure}.</p>",
        _section(
            "Daily loss",
            plots.losses(days),
            "Band: the reference's mean and scale. Red: an alarm was opened.",
        ),
        _section(
            "Performance detector",
            plots.evidence(days),
            "It calls for action where it meets the dashed level.",
        ),
        _section(
            "Archived versions on the same rows",
            plots.paired(days, 0.0),
            "Above zero, the archived one is better.",
        ),
        _section("Drift by feature and week", plots.drift_map(days), "PSI of the running window."),
        *_window(days),
        "<h2>Alarms</h2>" + _alarms(alarms),
        "<h2>What could not be decided</h2>" + _undecided(days),
    ]
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(endpoint)}</title><style>{CSS}</style>"
    return head + "<body>" + "\n".join(parts) + "</body></html>"


def _span(days: list[dict[str, Any]]) -> str:
    if not days:
        return "No day has closed yet."
    rows, labelled = sum(item["rows"] for item in days), sum(item["labelled"] for item in days)
    return (
        f"{len(days)} days, {days[0]['day']} to {days[-1]['day']}; {rows:,} rows, {labelled:,} with a label."
    )


def _section(title: str, picture: str, words: str) -> str:
    return f"<h2>{title}</h2>{picture}<p class=quiet>{words}</p>"


def _window(days: list[dict[str, Any]]) -> list[str]:
    full = [item for item in days if item["drift"].get("window", {}).get("scores")]
    if not full:
        return []
    last = full[-1]
    words = last["drift"]["window"]["observing"] or "Red: it fires; an alarm needs two such windows in a row."
    picture = plots.null(last["drift"]["window"])
    return [_section(f"The window that ended on {last['day']}, against chance", picture, escape(words))]


def _alarms(alarms: list[dict[str, Any]]) -> str:
    if not alarms:
        return "<p>None.</p>"
    rows = "".join(
        f"<tr><td>{item['opened_day']}</td><td>{escape(item['cause'])}</td><td>{escape(item['state'])}</td>"
        f"<td>{item['count']}</td><td>{escape(item['reason'])}</td></tr>"
        for item in alarms
    )
    return f"<table><tr><th>opened<th>cause<th>state<th>days<th>why</tr>{rows}</table>"


def _undecided(days: list[dict[str, Any]]) -> str:
    found = []
    unlabelled = sum(item["rows"] > 0 and item["labelled"] == 0 for item in days)
    if unlabelled:
        found.append(f"{unlabelled} days had rows but no label, so they say nothing about performance.")
    waiting = [item for item in days if item["performance"] and "log_value" not in item["performance"]]
    if waiting:
        found.append(f"On {len(waiting)} days the performance detector was still gathering its reference.")
    observing = {
        item["drift"]["window"]["observing"]
        for item in days
        if item["drift"].get("window") and item["drift"]["window"]["observing"]
    }
    found += [f"Drift was only observed: {reason}." for reason in sorted(observing)]
    unscored = {
        f"Version {number} was not scored: {why}."
        for item in days
        for number, why in item["unscored"].items()
    }
    found += sorted(unscored)
    return (
        "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in found) + "</ul>"
        if found
        else "<p>Nothing.</p>"
    )
