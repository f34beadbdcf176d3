"""What pages load is what was reviewed: bytes by digest, licences beside them, nothing that asks elsewhere."""

import hashlib
import re

from millrace_console import rendering, stamps

HTMX = "htmx.org 4.0.1"
VENDORED = {
    "htmx.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    "htmx.LICENSE.txt": "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
}
"""SHA-256 of `dist/htmx.min.js` and `LICENSE` of the npm package of that name and version."""


def test_vendored_files_have_the_bytes_of_their_package():
    found = {name: hashlib.sha256(data).hexdigest() for name, data in stamps.known().items()}
    assert {name: found[name] for name in VENDORED} == VENDORED
    assert set(found) == {*VENDORED, "console.css", "console.js", "millrace.svg"}


def test_pages_hold_no_script_no_style_and_no_address_of_elsewhere():
    for path in rendering.TEMPLATES.glob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?! src=\"\{\{ asset)", text), path.name
        assert not re.search(r"<style|style=|\son[a-z]+=|javascript:", text), path.name
        assert not re.search(r"(src|href|action)=\"(https?:)?//", text), path.name
        assert "|safe" not in text, f"{path.name}: everything is escaped"


def test_styles_load_nothing():
    assert "url(" not in stamps.known()["console.css"].decode()


def test_every_template_is_one_and_no_file_has_the_marks_of_a_merge():
    for path in rendering.TEMPLATES.glob("*.html"):
        rendering.environment().get_template(path.name)
    for path in (*rendering.TEMPLATES.glob("*.html"), *stamps.FILES.iterdir()):
        assert not re.search(r"^(<{7}|>{7}) ", path.read_text(), re.M), path.name
