"""A file comes from a page with a script or without one: as it is, never held whole, and from our own form alone."""

import hashlib

import httpx
import pytest
from fastapi import FastAPI, Request

DATA = b"a,b\r\n" + b"1,2\r\n--not the boundary\r\n" * 5000
CHUNK = 4096


@pytest.fixture
def stored(person):
    """What the registry was given, and the largest piece of it; whatever else is asked is answered well."""
    behind, seen = FastAPI(), {"pieces": [], "specs": []}

    @behind.post("/v1/artifacts")
    async def take(request: Request):
        seen["pieces"] = [piece async for piece in request.stream() if piece]
        digest = "sha256:" + hashlib.sha256(b"".join(seen["pieces"])).hexdigest()
        told = {"media_type": "application/octet-stream", "created_at": "2026-05-04T12:00:00Z"}
        return told | {"digest": digest, "size": sum(map(len, seen["pieces"]))}

    @behind.post("/v1/contracts:infer")
    async def submit(request: Request):
        seen["specs"].append(await request.json())
        return {
            "id": "0" * 32, "kind": "infer", "state": "queued", "spec": {}, "limits": {}, "key": "k", "loop": None,
            "loop_run": None, "progress": None, "waiting": None, "result": None, "error": None, "attempts": 1,
            "peak_rss_bytes": 0,
            "created_at": "2026-05-04T12:00:00Z", "started_at": None, "ended_at": None,
        }  # fmt: skip

    for name in ("registry", "training", "controller"):
        getattr(person.clients, name).api._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(behind), base_url="http://behind"
        )
    return seen


def form(csrf, name="rows.csv", data=DATA, boundary="xyzzy", end=True):
    """A form as browsers send it, in pieces."""
    text = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{csrf}\r\n--{boundary}\r\n'
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'
    ).encode()
    whole = text + data + (f"\r\n--{boundary}--\r\n".encode() if end else b"")

    async def pieces():
        for place in range(0, len(whole), CHUNK):
            yield whole[place : place + CHUNK]

    return {"content": pieces(), "headers": {"content-type": f"multipart/form-data; boundary={boundary}"}}


async def test_without_a_script_the_file_arrives_byte_for_byte_and_in_pieces(signed, person, stored):
    answer = await signed.post("/upload/default", **form(person.csrf, "März 2026.csv"))
    assert (answer.status_code, answer.headers.get("location")) == (303, "/p/default/drafts/" + "0" * 32)
    assert b"".join(stored["pieces"]) == DATA
    assert max(map(len, stored["pieces"])) <= CHUNK
    (spec,) = stored["specs"]
    assert "März 2026.csv" in str(spec)


async def test_a_script_sends_the_file_as_the_body_and_is_told_where_it_led(signed, person, stored):
    headers = {"x-csrf": person.csrf, "content-type": "application/octet-stream"}
    answer = await signed.post("/upload/default?name=rows.csv", content=DATA, headers=headers)
    assert answer.json() == {"to": "/p/default/drafts/" + "0" * 32}
    assert b"".join(stored["pieces"]) == DATA


@pytest.mark.parametrize("csrf", ["", "another's"])
async def test_a_form_of_somebody_elses_session_gives_no_byte_away(signed, stored, csrf):
    answer = await signed.post("/upload/default", **form(csrf))
    assert answer.status_code == 403
    assert stored == {"pieces": [], "specs": []}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "No file was chosen"),
        ({"name": "rows.exe"}, "rows.exe"),
        ({"name": "a/b.csv"}, "name is too long, or has signs"),
        ({"end": False}, "broke off"),
        ({"csrf": "x" * 20_000}, "too long"),
    ],
)
async def test_a_form_that_is_none_or_breaks_off_is_refused_in_words(signed, person, stored, change, words):
    answer = await signed.post("/upload/default", **form(**({"csrf": person.csrf} | change)))
    assert answer.status_code == 422, answer.text
    assert words in answer.text
    assert stored["specs"] == []


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=" + "b" * 300])
async def test_a_form_that_does_not_say_how_it_is_divided_is_refused(signed, stored, kind):
    answer = await signed.post("/upload/default", content=b"--x--", headers={"content-type": kind})
    assert answer.status_code == 422
