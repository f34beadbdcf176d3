"""The demo's page: one file that opens without a network and is read in a minute."""

from pathlib import Path
from typing import Any

import jinja2

TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Millrace: a year of flights</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem}
h1 {font-size: 1.7rem; margin-bottom: .2rem} h2 {font-size: 1.2rem; margin-top: 2.2rem}
.lead {font-size: 1.1rem; color: #444} svg {width: 100%; height: auto}
.cards {display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0}
.card {flex: 1 1 8rem; background: #f4f6f7; border-radius: .5rem; padding: .7rem .9rem}
.card b {display: block; font-size: 1.5rem} .card span {font-size: .8rem; color: #555}
table {border-collapse: collapse; width: 100%; font-size: .85rem} td, th {text-align: left; padding: .3rem .5rem;
border-bottom: 1px solid #e3e6e8; vertical-align: top} .met {color: #2a7f3f} .missed {color: #c0392b; font-weight: 600}
.note {font-size: .85rem; color: #555} details {margin: .5rem 0} code {font-size: .85em}
</style></head><body>
<h1>A year of flights, run by Millrace</h1>
<p class="lead">{{ lead }}</p>
<div class="cards">{% for card in cards %}<div class="card"><b>{{ card.value }}</b><span>{{ card.label }}</span></div>
{% endfor %}</div>
{% for part in parts %}
<h2>{{ part.title }}</h2><p>{{ part.text }}</p>
{{ part.picture | safe }}
{% endfor %}
<h2>What was decided, and why</h2>
<table><tr><th>Event day</th><th>What</th><th>Outcome</th><th>Why</th></tr>
{% for row in decisions %}<tr><td>{{ row.day }}</td><td>{{ row.what }}</td><td>{{ row.outcome }}</td>
<td>{{ row.reason }}</td></tr>{% endfor %}</table>
<h2>Data that was refused</h2>
<p>Before anything was trained, a damaged copy of January and February was offered. It was refused and kept in
quarantine:</p>
<table><tr><th>Check</th><th>Column</th><th>Seen</th><th>Allowed</th><th>How to mend it</th></tr>
{% for check in refused %}<tr><td>{{ check.check }}</td><td>{{ check.column }}</td><td>{{ check.observed }}</td>
<td>{{ check.allowed }}</td><td>{{ check.mend }}</td></tr>{% endfor %}</table>
<h2>Promises of this demo</h2>
<table><tr><th>Promise</th><th>Measured</th><th>Bound</th><th></th></tr>
{% for item in thresholds %}<tr><td>{{ item.name }}</td><td>{{ item.shown }}</td><td>{{ item.bound_shown }}</td>
<td class="{{ 'met' if item.met else 'missed' }}">{{ 'met' if item.met else 'missed' }}</td></tr>{% endfor %}</table>
<p class="note">{{ note }}</p>
</body></html>
"""


def write(path: Path, **content: Any) -> None:
    """Write the page; everything but the pictures is escaped."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True)
    path.write_text(environment.from_string(TEMPLATE).render(**content))
