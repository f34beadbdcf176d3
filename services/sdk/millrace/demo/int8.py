"""`make demo-int8`: ten thousand images from Parquet to a champion in INT8, and a spoilt form that is not taken.

The loop trains a net on 4,000 handwritten digits and makes an INT8 form of it, which is kept only if it is as good and
faster on this machine. Then, under a steady load, an endpoint goes from FP32 to a planted form that answers wrongly
(it must serve FP32 instead) and on to the right one. No request may fail.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from millrace import pages
from millrace.client import Millrace
from millrace.delivery import push
from millrace.demo import digits
from millrace.demo.load import Images, right
from millrace.demo.spoilt import spoilt
from millrace.demo.thresholds import Bound
from millrace.pages import forms
from millrace_contracts.endpoints import EndpointRead, EndpointWrite, ServedForm
from millrace_contracts.loop import ModelLoop
from millrace_contracts.models import Golden, ModelVersionRead, ModelVersionWrite
from millrace_contracts.release import Files, ReleaseFile
from millrace_contracts.rollouts import RolloutWrite
from millrace_contracts.variants import BASE_TARGET, ModelVariant, TargetName

ROOT = Path(__file__).parents[4]
LOOP, BENCH = "digits", "digits-bench"
TARGET: TargetName = "ort-cpu-int8"
TRAINED, ROUNDS, SECONDS = 4_000, 3, 2.0
SPEC = {
    "task": "multiclass",
    "target": digits.TARGET,
    "data": {"dataset": LOOP},
    "training": {
        "search": {"trials": 2, "families": ["mlp"]},
        "folds": 3,
        "seed": 7,
        "executor": "inline",
        "variants": [TARGET],
    },
}


@dataclass(frozen=True)
class Outcome:
    """What the demo saw: *served* by step (FP32, planted, INT8), *rates* in rows a second by form and request."""

    version: ModelVersionRead
    champion: ServedForm | None
    served: dict[str, ServedForm | None]
    accuracy: dict[str, float]
    rates: dict[str, dict[int, float]]
    sent: int
    failed: int
    wall_seconds: float

    @property
    def int8(self) -> ModelVariant | None:
        """The INT8 form as the release unit tells of it."""
        return next((item for item in self.version.variants if item.target == TARGET), None)

    def bounds(self) -> list[Bound]:
        """The promises with what was measured."""
        planted = self.served["planted"]
        kept = self.int8 is not None and self.int8.state == "kept"
        taken = [form is None or form.target != TARGET for form in (self.champion, self.served["INT8"])]
        lost = 100 * (self.accuracy["FP32"] - self.accuracy["INT8"])
        return [
            Bound("INT8 forms refused", float(not kept), 0, "{:.0f}"),
            Bound("endpoints that should answer in INT8 and do not", sum(taken), 0, "{:.0f}"),
            Bound("planted forms taken", float(planted is None or planted.reason != "FellBack"), 0, "{:.0f}"),
            Bound("accuracy lost to INT8, points", lost, 0.5, "{:.2f}"),
            Bound("failed requests", self.failed, 0, "{:.0f}"),
            Bound("wall time, minutes", self.wall_seconds / 60, 3, "{:.1f}", "slower", binding=False),
        ]


def main() -> int:
    """Run the demo; 1 for a broken promise, 2 if the digits cannot be had, else 0."""
    parser = argparse.ArgumentParser(prog="millrace.demo.int8", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "demo-int8", help="folder for the results")
    options = parser.parse_args()
    try:
        table = digits.load()
    except digits.NoDigits as error:
        print(f"The digits cannot be had: {error}", file=sys.stderr)
        return 2
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    from millrace.laptop import Platform

    began = time.perf_counter()
    with Platform(options.out / "home") as platform:
        say(f"platform up in {time.perf_counter() - began:.1f} s")
        outcome = run(platform.client(), table, options.out, began)
    return report(outcome, options.out)


def run(client: Millrace, table: pa.Table, out: Path, began: float) -> Outcome:
    """The whole story on a running platform."""
    from millrace_table import tensors

    version = trained(client, table.slice(0, TRAINED), out)
    unseen = table.slice(TRAINED)
    images, shown = (
        tensors.to_numpy(unseen[digits.IMAGE]).astype(np.float32),
        unseen[digits.TARGET].to_pylist(),
    )
    by_form = {item.target: item for item in version.variants}
    base, int8 = by_form[BASE_TARGET], by_form[TARGET]
    steps = {"FP32": [base], "planted": [base, spoilt(client, int8)], "INT8": [base, int8]}
    client.serving.put_endpoint(BENCH, EndpointWrite(model=BENCH))
    client.registry.put_model(BENCH, "the digits' net, form by form")
    roll_out(client, version, steps["FP32"])
    accuracy = {
        "FP32": right(Images(url(client, BENCH), images).classes(), shown),
        "INT8": right(Images(url(client, LOOP), images).classes(), shown),
    }
    rates = compared({"FP32": url(client, BENCH), "INT8": url(client, LOOP)}, images)
    served = {"FP32": form_of(client.serving.endpoint(BENCH))}
    with Images(url(client, BENCH), images) as load:
        for name in ("planted", "INT8"):
            served[name] = roll_out(client, version, steps[name])
            say(f"{name}: the endpoint answers in {told(served[name])}")
    champion = form_of(client.serving.endpoint(LOOP))
    wall = time.perf_counter() - began
    return Outcome(version, champion, served, accuracy, rates, load.sent, load.failed, wall)


def trained(client: Millrace, table: pa.Table, out: Path) -> ModelVersionRead:
    """The loop's first champion, from a file of images."""
    file = out / "digits.parquet"
    parquet.write_table(table, file)
    client.controller.apply(
        ModelLoop.model_validate(
            {
                "apiVersion": "millrace.dev/v1alpha1",
                "kind": "ModelLoop",
                "metadata": {"name": LOOP},
                "spec": SPEC,
            }
        )
    )
    say(f"{push(client, LOOP, file).rows:,} images of 28 by 28 are accepted")
    began = time.perf_counter()
    client.controller.await_run(LOOP, 1)
    say(f"first model searched, proved, compressed and served in {time.perf_counter() - began:.0f} s")
    version = client.registry.version(LOOP, 1)
    for item in version.variants:
        say(f"    {item.target} is {item.state}: {item.reason}")
    return version


def roll_out(
    client: Millrace, version: ModelVersionRead, variants: Sequence[ModelVariant]
) -> ServedForm | None:
    """Register the net once more with these forms, and bring it to the bench's endpoint; the form that it serves."""
    files = Files(
        files=[
            *(item for item in version.files.files if item.variant == "base"),
            *(
                ReleaseFile(role="model", variant=item.file_variant, name=item.name, digest=item.digest)
                for item in variants
                if item.target != BASE_TARGET and item.name and item.digest
            ),
        ]
    )
    release = ModelVersionWrite(
        key="-".join(item.digest or "" for item in variants),
        files=files,
        signature=version.signature,
        task=version.task,
        target=version.target,
        golden=version.golden,
        variants=list(variants),
    )
    made = client.registry.add_version(BENCH, release)
    started = client.serving.start_rollout(
        BENCH,
        RolloutWrite(
            key=f"version-{made.number}",
            model=BENCH,
            version=made.number,
            signature=version.signature,
            files=files,
            golden=Golden.model_validate(version.golden),
            variants=list(variants),
        ),
    )
    client.serving.rollout(BENCH, started.id, wait=60)
    return form_of(client.serving.endpoint(BENCH))


def form_of(endpoint: EndpointRead) -> ServedForm | None:
    """The form of the revision that has the traffic."""
    return next((item.form for item in endpoint.revisions if item.number == endpoint.stable), None)


def url(client: Millrace, endpoint: str) -> str:
    """Where the endpoint takes requests."""
    address = client.serving.endpoint(endpoint).url
    assert address is not None
    return address


def compared(urls: dict[str, str], images: np.ndarray) -> dict[str, dict[int, float]]:
    """Rows a second of each form through the gateway, round by round in turn: the median of the rounds."""
    rates: dict[str, dict[int, list[float]]] = {name: {1: [], 50: []} for name in urls}
    for _ in range(ROUNDS):
        for name, address in urls.items():
            for rows, seen in rates[name].items():
                seen.append(Images(address, images).rate(rows, SECONDS))
    return {name: {rows: float(np.median(seen)) for rows, seen in rates[name].items()} for name in urls}


def told(form: ServedForm | None) -> str:
    """Form and reason in a line."""
    return "no form" if form is None else f"{form.target}: {form.message}"


def report(outcome: Outcome, out: Path) -> int:
    """Print and draw the result; returns the exit code."""
    for name, by_rows in outcome.rates.items():
        shown = ", ".join(f"{rate:,.0f} images/s with {rows} a request" for rows, rate in by_rows.items())
        say(f"{name}: {outcome.accuracy[name]:.1%} right on unseen digits; through the gateway {shown}")
    say(f"{outcome.sent:,} requests under way while forms changed, {outcome.failed} failed")
    promises = [bound.judged() for bound in outcome.bounds()]
    for item in promises:
        say(f"  {item.word:<6}  {item.name}: {item.shown} ({item.bound_shown})")
    (out / "summary.json").write_text(
        json.dumps(
            {
                "variants": [item.model_dump(mode="json") for item in outcome.version.variants],
                "served": {name: form and form.model_dump() for name, form in outcome.served.items()},
                "accuracy": outcome.accuracy,
                "rates": outcome.rates,
                "requests": {"sent": outcome.sent, "failed": outcome.failed},
                "promises": [item.model_dump() for item in promises],
            },
            indent=1,
        )
    )
    (out / "index.html").write_text(page(outcome))
    say(f"see {(out / 'index.html').resolve().as_uri()}")
    return 0 if all(item.met or not item.binding for item in promises) else 1


def page(outcome: Outcome) -> str:
    """One file that opens without a network."""
    kept = outcome.int8
    cards: list[tuple[object, str]] = [
        (f"{share:.1%}", f"right on unseen digits, {name}") for name, share in outcome.accuracy.items()
    ]
    cards += [(f"{outcome.sent:,}", "requests while forms changed"), (outcome.failed, "failed")]
    picture = forms.picture(outcome.version.variants)
    parts = [
        pages.cards(cards),
        pages.section(
            "The forms of the champion",
            forms.shown(outcome.version.variants),
            *([picture] if picture else []),
        ),
        pages.section(
            "What the endpoint answered in, under load",
            pages.table(
                ("Step", "Form", "Why"),
                [
                    (name, form and form.target, form and form.message)
                    for name, form in outcome.served.items()
                ],
            ),
        ),
    ]
    lead = "no INT8 form was kept" if kept is None else f"{TARGET} is {kept.state}: {kept.reason}"
    return pages.page("Handwritten digits in INT8", *parts, lead=lead)


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
