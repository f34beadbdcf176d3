"""The evaluation as a page for people: one file, pictures inside, nothing loaded from elsewhere."""

import io
from typing import Any

import jinja2
import numpy as np

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title><style>
body {font: 15px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; color: #222}
table {border-collapse: collapse} td, th {padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: left}
svg {width: 100%; height: auto}</style></head><body><h1>{{ title }}</h1>
<p>{{ lead }}</p>
<h2>Metrics on rows that no model had seen</h2>
<table><tr><th>metric</th><th>candidate</th><th>champion</th></tr>
{% for name, mine, theirs in rows %}<tr><td>{{ name }}</td><td>{{ mine }}</td><td>{{ theirs }}</td></tr>{% endfor %}
</table>
{% if slices %}<h2>Parts of the data</h2>
<table><tr><th>part</th><th>rows</th><th>candidate's loss</th><th>champion's loss</th></tr>
{% for part in slices %}<tr>{% for cell in part %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>{% endif %}
{% for heading, picture in pictures %}<h2>{{ heading }}</h2>{{ picture | safe }}{% endfor %}
</body></html>"""


def render(title: str, result: dict[str, Any], target: np.ndarray, predicted: np.ndarray, task: str) -> bytes:
    """The page.

    Args:
        result: metrics, blocks and importance of the evaluation.
        target, predicted: (rows,) of the candidate.
    """
    theirs = result["metrics"]["champion"] or {}
    rows = [
        (name, f"{value:.5g}", f"{theirs[name]:.5g}" if name in theirs else "—")
        for name, value in result["metrics"]["candidate"].items()
    ]
    pictures = [
        ("Loss by block", _blocks(result["blocks"])),
        ("What it looks at: loss added when a column is shuffled", _importance(result["importance"])),
        ("Predicted against true", _against(target, predicted, task)),
    ]
    slices = [
        (f"{item['column']} = {item['value'] or 'missing'}", item["n"], *map(_shown, _losses(item)))
        for item in result["slices"]
    ]
    environment = jinja2.Environment(autoescape=True)
    text = environment.from_string(PAGE).render(
        title=title, lead=_lead(result, len(target)), rows=rows, slices=slices, pictures=pictures
    )
    return text.encode()


def _lead(result: dict[str, Any], rows: int) -> str:
    """The finding in words, for someone who reads nothing else; it is the gates that decide."""
    mine, theirs = (np.array(column, float) for column in zip(*map(_losses, result["blocks"]), strict=True))
    paired = np.isfinite(theirs)
    text = f"Judged on {rows} rows in {len(mine)} blocks (days, or groups of rows); a smaller loss is better."
    if not paired.any():
        return f"{text} There is no champion to compare with on these rows."
    change = mine[paired].mean() / max(theirs[paired].mean(), 1e-300) - 1
    wins, word = int((mine < theirs)[paired].sum()), "smaller" if change < 0 else "larger"
    return (
        f"{text} The candidate's loss is {abs(change):.1%} {word} than the champion's on the {paired.sum()} blocks "
        f"that neither had seen, and smaller on {wins} of them."
    )


def _losses(item: dict[str, Any]) -> tuple[float, float]:
    """Candidate's and champion's loss; NaN if there is none."""
    return item["candidate"], np.nan if item["champion"] is None else item["champion"]


def _shown(value: float) -> str:
    return f"{value:.5g}" if np.isfinite(value) else "—"


def _blocks(blocks: list[dict[str, Any]]) -> str:
    figure, axes = _figure(3.0)
    axes.plot([block["candidate"] for block in blocks], "o-", ms=3, label="candidate", color="#1f6f8b")
    if any(block["champion"] is not None for block in blocks):
        theirs = [np.nan if block["champion"] is None else block["champion"] for block in blocks]
        axes.plot(theirs, "o-", ms=3, label="champion", color="#b0413e")
    step = max(1, len(blocks) // 8)
    axes.set_xticks(range(0, len(blocks), step), [block["block"] for block in blocks[::step]], fontsize=7)
    axes.set_ylabel("mean loss")
    axes.legend(frameon=False)
    return _svg(figure)


def _importance(items: list[dict[str, Any]]) -> str:
    shown = items[:20][::-1]
    figure, axes = _figure(0.8 + 0.22 * len(shown))
    axes.barh([item["column"] for item in shown], [item["loss_added"] for item in shown], color="#7a9e48")
    axes.tick_params(labelsize=7)
    return _svg(figure)


def _against(target: np.ndarray, predicted: np.ndarray, task: str) -> str:
    from millrace_training.evaluate.metrics import calibration

    figure, axes = _figure(3.4)
    if task == "binary":
        parts = calibration(target, predicted)
        axes.plot([0, 1], [0, 1], color="#999", lw=0.8)
        axes.plot(
            [part["predicted"] for part in parts], [part["observed"] for part in parts], "o-", color="#1f6f8b"
        )
        axes.set_xlabel("predicted probability")
        axes.set_ylabel("share of positives")
    else:
        step = max(1, len(target) // 1500)
        axes.plot(target[::step], predicted[::step], ".", ms=2, alpha=0.4, color="#1f6f8b")
        ends = [float(target.min()), float(target.max())]
        axes.plot(ends, ends, color="#999", lw=0.8)
        axes.set_xlabel("true")
        axes.set_ylabel("predicted")
    return _svg(figure)


def _figure(height: float) -> tuple[Any, Any]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Any) -> str:
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "millrace"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
