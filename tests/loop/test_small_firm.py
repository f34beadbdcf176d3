"""A small firm's tour, without a terminal after `millrace up`: upload, contract, champion, predict, label, retrain."""

from pathlib import Path

import pytest
from tests.console import browser as walking

from millrace.laptop import tokens
from millrace_console.rendering import END, ISOLATE

pytestmark = [pytest.mark.loop, pytest.mark.slow, pytest.mark.timeout(900)]
PENGUINS = Path(__file__).parent / "penguins.csv"
LOOP = "palmer-penguins"
"""As the file is called."""
HELD_BACK = 40
"""Rows of the file that come later."""


def plain(text):
    """What people read: without the signs that keep names of data apart from the words around them."""
    return text.replace(ISOLATE, "").replace(END, "")


def test_a_small_firm_goes_from_a_file_to_a_retrained_model_in_the_browser(
    platform, client, millrace, tmp_path
):
    if lacks := walking.missing():
        pytest.skip(lacks)
    lines = PENGUINS.read_text().splitlines(keepends=True)
    file, more = tmp_path / f"{LOOP}.csv", tmp_path / "penguins-may.csv"
    file.write_text("".join(lines[:1] + lines[1 + HELD_BACK :]))
    more.write_text("".join(lines[: 1 + HELD_BACK]))
    link = millrace("console", "-o", "json")["url"]
    seen = walking.toured(link, file, more, tmp_path)
    assert seen["strange"] == [], "no request elsewhere, no error in the page"
    assert "species: Gentoo" in plain(seen["answer"])
    assert f"{LOOP}.yaml:" in plain(seen["refused"]), "a mistake is told with its line"
    assert "bill_length_mm is no number: 'long'" in plain(seen["unread"])
    assert "guessed" in plain(seen["contract"])
    assert f"{HELD_BACK} rows are new" in plain(seen["more"])
    assert len(seen["pictures"]) >= 7
    loop = client.controller.loop(LOOP)
    assert loop.champion is not None
    assert [run.cause.kind for run in client.controller.runs(LOOP)][-1] == "hand"
    applied = client.registry.decisions(LOOP, kind="loop.applied")
    owner = tokens.owner(platform.home / "run")
    assert [item.author for item in applied] == [f"user:{owner}"], "declared once, under the person's name"
    assert "Adelie" in plain(seen["labelled"])
    (entry,) = client.monitoring.reviews(LOOP, state="labelled")
    assert (entry.label, entry.reason, entry.probability) == ("Adelie", "sampled", 1.0)
    (version, *_) = client.registry.dataset_versions(LOOP)
    assert version.source.name == f"{LOOP}.csv"


def test_a_file_is_brought_and_a_loop_begun_without_javascript(platform, client, millrace, tmp_path):
    if lacks := walking.missing():
        pytest.skip(lacks)
    file, name = tmp_path / "Pinguine März.csv", "without-script"
    file.write_text(PENGUINS.read_text())
    link = millrace("console", "-o", "json")["url"]
    seen = walking.plainly(link, file, "species", name)
    client.controller.pause(name)
    assert seen["columns"] == 1
    assert "It was taken" in plain(seen["delivered"])
    (version, *_) = client.registry.dataset_versions(name)
    assert version.source.name == file.name
    assert version.rows == len(PENGUINS.read_text().splitlines()) - 1
