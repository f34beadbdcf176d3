"""The forms of a candidate as a page for people."""

from millrace.pages import Html, bullets, forms, page, quiet, section, table
from millrace_contracts.compressing import CompressResult
from millrace_contracts.variants import ModelVariant


def render(result: CompressResult) -> str:
    """One HTML file with the table, the picture, and what was measured on which machine."""
    kept = [item.target for item in result.variants[1:] if item.state == "kept"]
    told = f"{', '.join(kept)} may serve beside the base form" if kept else "only the base form may serve"
    parts = [section("Forms", forms.shown(result.variants))]
    drawn = forms.picture(result.variants)
    if drawn is not None:
        parts.append(section("Loss against latency", drawn))
    parts += [_measured(item) for item in result.variants if item.measured is not None]
    if result.calibration is not None:
        drawn_rows = result.calibration
        parts.append(
            quiet(f"Calibrated on {drawn_rows.rows} rows of the training window, seed {drawn_rows.seed}.")
        )
    if result.notes:
        parts.append(section("Not tried, and to be known", bullets(result.notes)))
    lead = (
        f"Of {len(result.variants)} forms, {told}. A form is kept if it is as good on unseen rows and faster."
    )
    return page("Forms of a candidate", *parts, lead=lead)


def _measured(item: ModelVariant) -> Html:
    """Latencies of base form and variant, with the machine."""
    measured = item.measured
    assert measured is not None
    rows = [
        (
            base.batch,
            f"{base.p10:.3f} / {base.p50:.3f} / {base.p99:.3f}",
            f"{form.p10:.3f} / {form.p50:.3f} / {form.p99:.3f}",
            f"{speed.ratio:.2f} ({speed.lower:.2f} to {speed.upper:.2f})",
        )
        for base, form, speed in zip(measured.base, measured.variant, measured.speed_up, strict=True)
    ]
    alone = "alone" if measured.exclusive else "beside others"
    how = f"{measured.node.key}, {measured.threads} thread, {alone}; {item.how}"
    header = ("rows in a call", "base, ms (p10 / p50 / p99)", "form, ms", "times as fast (95 % bounds)")
    return section(f"{item.target} measured", table(header, rows), quiet(how))
