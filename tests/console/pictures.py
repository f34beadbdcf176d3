"""Makes the console's pictures of docs/images: every page of it in Chromium, over a finished `make demo`.

`make pictures` runs it on a copy of that home, brings about what the demo lacks (staged.py), and leaves all pages in
both themes and two widths in out/pictures, to look at; of these the ones that shown.py names go into docs/images. What
is wider than the window, refused, serious for axe-core, or not to be read without a script is printed, and ends with 1.
"""

import argparse
import io
import os
import re
import sys
from pathlib import Path

import httpx
from PIL import Image
from tests.console import browser, staged
from tests.console.shown import SHOWN

from millrace.client import Millrace
from millrace.laptop import Platform

IMAGES = staged.ROOT / "docs" / "images"
OUT = staged.ROOT / "out" / "pictures"
LIGHT, DARK, NARROW = "{}-light-1280", "{}-dark-1280", "{}-light-400"
OTHERWISE = {
    "run-dark": DARK.format("run"),
    "overview-400": NARROW.format("overview"),
    "audit": LIGHT.format("champion"),
}
"""Pictures of docs that are not the page in light and wide."""
HEIGHTS, COLOURS, LARGEST = (1100, 1000, 900, 800, 700), 48, 60_000
"""Rows of pixels of a picture: the most with which it has so many bytes at most; what lies below is left out."""
PATIENCE = "60"
"""Seconds that a page waits for a service on a machine that trains beside it."""
PENGUIN = {
    "island": "Biscoe", "bill_length_mm": "46.1", "bill_depth_mm": "13.2", "flipper_length_mm": "211",
    "body_mass_g": "4500", "sex": "female", "year": "2008",
}  # fmt: skip


def main() -> int:
    """Stage, walk and write; 1 if a page is refused, or wider than its window."""
    parser = argparse.ArgumentParser(prog="tests.console.pictures", description=__doc__)
    parser.add_argument("home", type=Path, help="of a demo that is over; a copy of it is opened")
    parser.add_argument("--only", nargs="*", default=[], help="names of pages, like run; all if left out")
    options = parser.parse_args()
    if lacks := browser.missing():
        print(lacks, file=sys.stderr)
        return 2
    OUT.mkdir(parents=True, exist_ok=True)
    os.environ["MILLRACE_ANSWER_SECONDS"] = PATIENCE
    with Platform(staged.copied(options.home, OUT / "home")) as platform:
        found = walked(platform, options.only)
    for words in found:
        print(words, file=sys.stderr)
    written(options.only)
    return 1 if found else 0


def walked(platform: Platform, only: list[str]) -> list[str]:
    """What is wrong with the pages, whose pictures lie in OUT afterwards."""
    client = platform.client()
    staged.people(platform)
    with staged.signed_in(platform) as ada:
        pages, steps = asked(client, ada)
        pages = {name: path for name, path in pages.items() if not only or name in only}
        cookie = (staged.COOKIE, ada.cookies[staged.COOKIE])
        return browser.walked(platform.urls["console"], cookie, pages, OUT, steps)


def asked(client: Millrace, ada: httpx.Client) -> tuple[dict[str, str], dict[str, list[list[str]]]]:
    """The address of each page by the name of its picture, and what is done on it; all that they need is there."""
    staged.channel(client)
    staged.reviewed(client)
    waits = staged.awaiting(client)
    first = staged.uploaded(ada)
    drafted, delivered = staged.drafted(ada, first), staged.uploaded(ada, "?loop=penguins")
    over, going = staged.replayed(client, OUT)
    staged.verified(ada)
    busy = staged.busy(client)
    p, base = "/p/default", "/p/default/loops/flights"
    loop, runs = client.controller.loop("flights"), client.controller.runs("flights")
    judged = [run for run in runs if run.verdict is not None][-1]
    decided = client.registry.decisions(loop="flights", kind="gate.verdict")[-1]
    entry = client.registry.quarantined("flights")[-1]
    (alarm, *_) = client.monitoring.alarms("flights")
    review = client.monitoring.reviews("penguins")[-1].number
    job = next(step.job for name, step in judged.steps.items() if name == "train")
    pages = {
        "login": "/login", "overview": f"{p}/loops", "loop": base, "run": f"{base}/runs/{judged.number}",
        "approval": f"{p}/loops/penguins-approved/runs/{waits}",
        "vote": f"{p}/loops/penguins-approved/runs/{waits}/do/approve", "declared": f"{base}/declared",
        "running": f"{p}/loops/penguins-searched/runs/{busy}", "job": f"{p}/jobs/{job}",
        "versions": f"{base}/versions", "version": f"{base}/versions/{loop.champion}", "data": f"{base}/data",
        "classes": f"{p}/loops/penguins/versions/1", "guessed": f"{p}/loops/penguins/data",
        "quarantine": f"{p}/quarantine/{entry.id}/do/accept", "predict": f"{p}/loops/penguins/predict",
        "asked": f"{base}/predict",
        "review": f"{p}/loops/penguins/review", "reviewed": f"{p}/loops/penguins/review/{review}",
        "backtests": f"{base}/backtests", "backtest": f"{base}/backtests/{over}",
        "replaying": f"{base}/backtests/{going}", "confirm": f"{base}/do/rollback", "retrain": f"{base}/do/retrain",
        "delivery": delivered, "new": f"{p}/new", "columns": first, "draft": drafted,
        "decisions": f"{p}/decisions", "decision": f"{p}/decisions/{decided.id}",
        "alarms": f"{p}/alarms?show=all", "approvals": f"{p}/approvals",
        "silence": f"{p}/alarms/{alarm.id}/silence", "audit": f"{p}/audit",
        "champion": f"{p}/audit/champion?loop=flights&at=2013-04-01",
        "lineage": f"{p}/audit/lineage?loop=flights&version={loop.champion}", "you": "/you",
    }  # fmt: skip
    return pages, {"predict": [*filled(ada, pages["predict"]), ["press", "Predict"]]}


def filled(ada: httpx.Client, page: str) -> list[list[str]]:
    """A penguin, typed and chosen into the form of *page*."""
    form, steps = ada.get(page).text, []
    for column, value in PENGUIN.items():
        (field, kind), *_ = re.findall(rf'<label for="(cell-\d+)">[^<]*{column}[^<]*</label>\s*<(\w+)', form)
        steps.append(["choose" if kind == "select" else "fill", field, value])
    return steps


def written(only: list[str]) -> None:
    """Bring the pictures that docs show into docs/images, small."""
    for name in sorted({name for names in SHOWN.values() for name in names if name.startswith("console-")}):
        page = name.removeprefix("console-")
        source = OUT / f"{OTHERWISE.get(page, LIGHT.format(page))}.png"
        if (only and source.name.split("-")[0] not in only) or not source.exists():
            continue
        with Image.open(source) as whole:
            (IMAGES / f"{name}.png").write_bytes(small(whole.convert("RGB")))


def small(whole: Image.Image) -> bytes:
    """The upper part of a picture as a PNG with its commonest colours, as they are."""
    for height in HEIGHTS:
        part, made = whole.crop((0, 0, whole.width, min(whole.height, height))), io.BytesIO()
        part.quantize(palette=palette(part), dither=Image.Dither.NONE).save(made, "png", optimize=True)
        if made.tell() <= LARGEST:
            break
    return made.getvalue()


def palette(part: Image.Image) -> Image.Image:
    """The colours that most pixels have, for `quantize`."""
    counts = part.getcolors(part.width * part.height) or []
    kept = [colour for _, colour in sorted(counts, reverse=True)[:COLOURS]]
    made = Image.new("P", (1, 1))
    made.putpalette([level for colour in kept for level in colour])
    return made


if __name__ == "__main__":
    sys.exit(main())
